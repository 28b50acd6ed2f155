/** What a token of the address for operators may do: each operation and each verb is tried without the right to it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  api,
  type ApiOperation,
  metricsPath,
  openapiPath,
  type Right,
  rights,
  rightsOfPaths,
} from '../../src/admin/api.ts'
import { askAt, type DoorAnswer, type Ran, type RuntimeFolder, runtimeFolder } from '../support/door.ts'
import { eventually } from '../support/eventually.ts'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { openSession, type Session } from '../support/session.ts'

const tokenOf = (...of: readonly Right[]): string => `token-with-the-rights-${of.join('-')}`
const sets: ReadonlyArray<readonly Right[]> = [...rights.map((one) => [one]), ...rights.map(without)]

function without(right: Right): readonly Right[] {
  return rights.filter((one) => one !== right)
}

let place: RuntimeFolder
let mcplex: Mcplex
let session: Session
let url: string
let file: string

beforeAll(async () => {
  place = runtimeFolder()
  file = join(place.folder, '..', 'tokens')
  const lines = sets.map((of) => `${tokenOf(...of)} ${of.join(',')}`)
  writeFileSync(file, ['# of the team', '', ...lines, 'a-token-with-all-rights', ''].join('\n'), { mode: 0o600 })
  const env = { ...place.env, MCPLEX_ADMIN__TOKEN_FILE: file }
  mcplex = await startMcplex({ env, options: ['--admin', '127.0.0.1:0'] })
  url = place.placesOf(mcplex.pid).url ?? ''
  session = await openSession(mcplex.url)
})
afterAll(async () => {
  await mcplex?.end()
  place?.remove()
})

function ask({ method, path }: Pick<ApiOperation, 'method' | 'path'>, token: string): Promise<DoorAnswer> {
  return askAt(url, path.replaceAll(/\{\w+\}/g, 'nothing'), { method, headers: { Authorization: `Bearer ${token}` } })
}

const operations = Object.entries<ApiOperation>(api)
const paths = Object.entries(rightsOfPaths).map(([path, right]) => ({ method: 'GET', path, right }) as const)

describe.each([
  ...operations.map(([id, operation]) => ({ id, ...operation })),
  ...paths.map((one) => ({ id: one.path, ...one })),
])('$id', ({ method, path, right }) => {
  test(`is refused to a token that has every right but ${right}`, async () => {
    const answer = await ask({ method, path }, tokenOf(...without(right)))
    expect([answer.status, answer.body]).toMatchObject([403, { reason: 'missing_right' }])
    expect(answer.text).toContain(right)
    expect(answer.headers['www-authenticate']).toBe(`Bearer error="insufficient_scope", scope="${right}"`)
    // Neither a session nor the instance has noticed.
    expect(await session.text('echo', { text: 'still there' })).toBe('still there')
  })
})

test.each([...operations.filter(([id]) => id !== 'startDrain').map(([, operation]) => operation), ...paths])(
  'a token with one right is let through to $method $path by it',
  async ({ method, path, right }) => {
    const { status } = await ask({ method, path }, tokenOf(right))
    // There is no upstream, session or tenant of the name; the right is looked at before.
    expect([200, 400, 404, 409]).toContain(status)
  },
)

test('a token alone has all rights, and no other text is a token', async () => {
  expect((await ask(api.recycleUpstream, 'a-token-with-all-rights')).status).toBe(404)
  for (const wrong of ['# of the team', 'team', 'read', `${tokenOf('read')} read`, tokenOf('read').slice(1)])
    expect((await ask(api.instance, wrong)).status).toBe(401)
  for (const path of ['/', '/api/v1/nothing']) expect((await askAt(url, path)).status).toBe(401)
})

test('a missing right is logged, without the token', async () => {
  await ask(api.startDrain, tokenOf('read'))
  await eventually('the line', () => mcplex.log.some(({ reason }) => reason === 'missing_right'))
  expect(JSON.stringify(mcplex.log)).not.toContain('token-with')
})

test('the document says which right each operation needs', async () => {
  const { body } = await ask({ method: 'GET', path: openapiPath }, tokenOf('read'))
  const { paths: described } = body as { paths: Record<string, Record<string, { 'x-right'?: string }>> }
  for (const { method, path, right } of Object.values(api))
    expect([path, described[path]?.[method.toLowerCase()]?.['x-right']]).toEqual([path, right])
  expect(metricsPath in described).toBe(false)
})

describe('verbs', () => {
  const words = { label: 'abcdef12' }
  const verbs: ReadonlyArray<readonly [Right, readonly string[]]> = [
    ['read', ['sessions']],
    ['read', ['sessions', '--closed']],
    ['read', ['sessions', 'show', words.label]],
    ['act', ['sessions', 'close', words.label]],
    ['read', ['upstreams']],
    ['read', ['upstreams', '--workers']],
    ['act', ['upstreams', 'pause', 'server']],
    ['act', ['upstreams', 'resume', 'server']],
    ['act', ['upstreams', 'disable', 'server']],
    ['act', ['upstreams', 'enable', 'server']],
    ['act', ['upstreams', 'recycle', 'server']],
    ['configure', ['upstreams', 'accept', 'server']],
    ['act', ['breaker', 'open', 'server']],
    ['read', ['tenants']],
    ['read', ['tenants', 'show', 'red']],
    ['configure', ['tenants', 'purge', 'red', '--yes']],
    ['read', ['errors']],
    ['configure', ['reload']],
    ['act', ['drain']],
  ]

  const withToken = async (token: string, args: readonly string[]): Promise<Ran> => {
    const own = join(place.folder, '..', 'own-token')
    writeFileSync(own, `${token}\n`, { mode: 0o600 })
    Object.assign(place.env, { MCPLEX_ADMIN__TOKEN_FILE: own })
    onTestFinished(() => void delete (place.env as Record<string, string>)['MCPLEX_ADMIN__TOKEN_FILE'])
    return place.run(...args, '--admin', url)
  }

  test.each(verbs)('without %s: mcplex %j', async (right, args) => {
    const { code, stderr } = await withToken(tokenOf(...without(right)), args)
    expect([code, stderr]).toEqual([77, expect.stringContaining('admin_denied') as string])
    expect(stderr).toContain(`this needs ${right}`)
  })
})

test.each([
  ['a-long-enough-token rad', 'read, act, configure'],
  ['a-long-enough-token read act', 'read, act, configure'],
  ['short read', 'fewer than 16'],
  ['a-long-enough-token\na-long-enough-token read', 'twice'],
])('a file with %j ends the start', async (text, said) => {
  const wrong = join(place.folder, '..', 'wrong')
  writeFileSync(wrong, text, { mode: 0o600 })
  const env = { ...place.env, MCPLEX_ADMIN__TOKEN_FILE: wrong }
  const started = startMcplex({ env, options: ['--admin', '127.0.0.1:0'] })
  await expect(started).rejects.toThrow(said)
  await expect(started).rejects.not.toThrow('a-long-enough-token')
})
