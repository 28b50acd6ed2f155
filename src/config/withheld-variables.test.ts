import { expect, test } from 'vitest'
import { withheldVariables } from './withheld-variables.ts'

test('names variables that are set but not passed on, proxies and certificates first', () => {
  const env = {
    GITHUB_TOKEN: 'a',
    https_proxy: 'b',
    NODE_EXTRA_CA_CERTS: 'c',
    KUBECONFIG: '',
    OPENAI_API_KEY: 'd',
    NO_PROXY: 'e',
    EDITOR: 'vi',
    PATH: '/bin',
    MCPLEX_API_KEY: 'f',
    npm_config_TOKEN: 'g',
  }
  expect(withheldVariables(env, { PATH: '/bin', OPENAI_API_KEY: 'd' })).toEqual([
    'NODE_EXTRA_CA_CERTS',
    'NO_PROXY',
    'https_proxy',
    'GITHUB_TOKEN',
  ])
})

test('names nothing if nothing is withheld', () => {
  expect(withheldVariables({ PATH: '/bin' }, {})).toEqual([])
})
