/** The verb `mcplex tenants`: what each tenant may use, its limits, and what it uses now, of an instance with a file. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { answers } from '../../src/admin/schemas.ts'
import { askAt, type RuntimeFolder, runtimeFolder } from '../support/door.ts'
import { echoLegacy, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { reasonOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'

let place: RuntimeFolder
let mcplex: Mcplex

beforeAll(async () => {
  place = runtimeFolder()
  const file = join(place.folder, '..', 'mcplex.yaml')
  writeFileSync(
    file,
    JSON.stringify({
      upstreams: { files: { command: [process.execPath, echoLegacy] } },
      tenants: {
        // Callers without credentials.
        default: { upstreams: ['*'], tools: ['!env'], maxConnections: 5, toolRates: { 'ec*': '1/h' }, rate: '100/h' },
        acme: { tools: ['whoami'], dryRun: true, weight: 3 },
      },
    }),
  )
  mcplex = await startMcplex({ env: place.env, file })
})

afterAll(async () => {
  await mcplex?.end()
  place.remove()
})

test('lists the tenants with what they use, and shows one with its limits', async () => {
  const session = await openSession(mcplex.url)
  expect(await session.text('echo', { text: 'x' })).toBe('x')
  expect(reasonOf(await session.response('echo', { text: 'x' }))).toBe('rate_limited')
  expect(reasonOf(await session.response('env'))).toBe('invalid_params')
  expect(await place.json('tenants')).toMatchObject({
    event: 'tenants',
    total: 2,
    tenants: [
      { tenant: 'default', named: true, clients: 1, maxClients: 5, calls: 0, weight: 1 },
      { tenant: 'acme', named: true, clients: 0, weight: 3 },
    ],
  })
  expect(await place.json('tenants', 'show', 'default')).toMatchObject({
    event: 'tenant',
    allows: { upstreams: ['*'], tools: ['!env'] },
    limits: [
      { scope: 'tenant', limit: '100/h, burst 100', dryRun: false, left: 97, refused: 0 },
      { scope: 'tool', of: 'ec*', limit: '1/h, burst 1', left: 0, allowed: 1, refused: 1 },
    ],
  })
  const { body } = await askAt(place.placesOf(mcplex.pid).socket, '/api/v1/tenants/default')
  // Nothing is told that the schema does not have.
  expect(answers.tenant.parse(body)).toEqual(body)
  const { code, stdout } = await place.run('tenants')
  expect(code).toBe(0)
  expect(stdout).toMatch(
    /^TENANT +CLIENTS +CALLS .*\ndefault +1\/5 +0\/256 +\d +0 +1 +2 +1 +0\nacme +0\/5 +0\/256 +0 +0 +3 /,
  )
  const shown = await place.run('tenants', 'show', 'acme')
  expect(shown.stdout).toMatch(/^tenant acme: 0\/5 clients.*\n +upstreams +\*\n +tools +whoami\n/)
  expect(shown.stdout).toContain('tool (dry run)')
})

test('a tenant that is not there, and what is no action, are told with a way out', async () => {
  const none = await place.run('tenants', 'show', 'nobody')
  expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('There is no tenant nobody.') as string])
  const wrong = await place.run('tenants', 'shw', 'acme')
  expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining('tenants show acme') as string])
  const { socket } = place.placesOf(mcplex.pid)
  expect((await askAt(socket, '/api/v1/tenants/__proto__')).status).toBe(404)
})
