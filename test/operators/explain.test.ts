/** The verb `mcplex explain`: by a file alone, and by a mcplex that runs with it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { answers } from '../../src/admin/schemas.ts'
import { askAt, type RuntimeFolder, runtimeFolder } from '../support/door.ts'
import { echoLegacy, type Mcplex, startMcplex } from '../support/mcplex.ts'

const server = `command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(echoLegacy)}]`
const text = `version: 1
upstreams:
  files: { ${server} }
tenants:
  default:
    upstreams: ['*']
    rate: 100/h
  acme:
    tools:
      - echo
      - '!env'
    toolRates:
      'ec*': 5/h
`

let place: RuntimeFolder
let mcplex: Mcplex
let file: string

beforeAll(async () => {
  place = runtimeFolder()
  mkdirSync(join(place.folder, '..', 'conf'))
  file = join(place.folder, '..', 'conf', 'mcplex.yaml')
  writeFileSync(file, text)
  mcplex = await startMcplex({ env: place.env, file })
})

afterAll(async () => {
  await mcplex?.end()
  place.remove()
})

const acme = (...rest: readonly string[]): string[] => ['explain', '--config', file, '--tenant', 'acme', ...rest]

test('the file alone says what refuses a call, with the line; exit codes tell a refusal', async () => {
  const hidden = await place.run(...acme('--tool', 'env', '--file-alone'))
  expect(hidden.code).toBe(1)
  expect(hidden.stdout).toContain('refused with invalid_params: tools/call env at /mcp for the tenant acme')
  expect(hidden.stdout).toMatch(/ no {2}name .*\n +\S+mcplex\.yaml:11:9 +tenants\.acme\.tools: !env\n/)
  // What the tenant has of `default` is told where it stands.
  expect(hidden.stdout).toMatch(/mcplex\.yaml:6:17 +tenants\.acme\.upstreams: \*\n/)
  const shown = await place.run(...acme('--tool', 'echo', '--file-alone'))
  expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining('runs at files: ') as string])
  expect(shown.stdout).toMatch(/it costs 1 of 5\/h, burst 5, for ec\*\n +\S+mcplex\.yaml:13:7 /)
  expect(shown.stderr).toContain('no mcplex runs')
})

test('an origin in a variable is told by its name', async () => {
  const other = join(place.folder, '..', 'conf', 'other.yaml')
  writeFileSync(other, text)
  const words = ['explain', '--config', other, '--tenant', 'acme', '--tool', 'echo']
  const env = { MCPLEX_TENANTS__ACME__TOOLS: 'whoami' }
  Object.assign(place.env, env)
  const { steps } = await place.json(...words)
  Reflect.deleteProperty(place.env, 'MCPLEX_TENANTS__ACME__TOOLS')
  expect(steps).toContainEqual(
    expect.objectContaining({ step: 'name', passes: false, origin: 'MCPLEX_TENANTS__ACME__TOOLS' }),
  )
})

test('a mcplex that runs with the file answers, with what is left, and with how its servers are', async () => {
  const found = await place.json(...acme('--tool', 'echo'))
  expect(found).toMatchObject({ event: 'explained', pid: mcplex.pid, runs: true, upstream: 'files' })
  expect(found['steps']).toContainEqual(expect.objectContaining({ step: 'limit', cost: 1, left: 5 }))
  expect(found['steps']).toContainEqual(expect.objectContaining({ step: 'listed', passes: true }))
  await place.run('upstreams', 'disable', 'files')
  const disabled = await place.run(...acme('--tool', 'echo'))
  await place.run('upstreams', 'enable', 'files')
  expect([disabled.code, disabled.stdout]).toEqual([
    1,
    expect.stringContaining('refused with upstream_disabled') as string,
  ])
  const { body } = await askAt(place.placesOf(mcplex.pid).socket, '/api/v1/explain?tenant=acme&tool=echo')
  // Nothing is told that the schema does not have.
  expect(answers.explain.parse(body)).toEqual(body)
  expect((await askAt(place.placesOf(mcplex.pid).socket, '/api/v1/explain?tenant=acme')).status).toBe(400)
})

test('a file that the running mcplex has not applied is told', async () => {
  // This takes a restart.
  writeFileSync(file, `${text}limits: { unknownTenants: default }\n`)
  const { code, stdout, stderr } = await place.run('explain', '--config', file, '--tenant', 'new', '--tool', 'echo')
  writeFileSync(file, text)
  expect([code, stdout]).toEqual([1, expect.stringContaining('refused with unknown_tenant') as string])
  expect(stderr).toContain('has other settings than the file as it is now: by that, the call would run')
})

test('what is misspelt, and what says too little, is told with a way out', async () => {
  const tenant = await place.run('explain', '--config', file, '--tenant', 'acne', '--tool', 'echo')
  expect([tenant.code, tenant.stdout]).toEqual([1, expect.stringContaining('did you mean acme?') as string])
  const tool = await place.run('explain', '--config', file, '--tool', 'ecko')
  expect([tool.code, tool.stdout]).toEqual([1, expect.stringContaining('did you mean echo?') as string])
  const nothing = await place.run(...acme())
  expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining('--tool NAME') as string])
})
