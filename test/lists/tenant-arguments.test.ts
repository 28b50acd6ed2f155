/** Arguments that are bound for one tenant: its clients do not see them and get its values, in both eras. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { upstreamsOf } from '../support/in-process.ts'
import { responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { ask, toolResponse } from '../support/stateless.ts'
import { type ForTenants, startForTenants } from '../isolation/two-tenants.ts'

const server = join(import.meta.dirname, '..', 'fixtures', 'credentials.mjs')

/** The server itself binds `region`, whatever a tenant says of it. */
function start(): Promise<ForTenants> {
  const main = { args: [server], stateless: 'shared' as const, boundArgs: { region: 'eu' } }
  return startForTenants({
    upstreams: upstreamsOf({ main, other: { args: [server], mode: 'shared' } }),
    endpoints: { view: { tools: ['main__e*'] } },
    tenants: {
      default: { upstreams: ['*'], args: { main: { org_id: 'of default' } } },
      a: { args: { main: { org_id: 'a', region: 'us' }, other: { region: 7 } } },
      b: { args: { main: { org_id: 'b' } } },
      c: {},
    },
  })
}

function argumentsIn({ result }: RpcMessage, name: string): string[] {
  const tools = result?.['tools'] as ReadonlyArray<{ name: string; inputSchema: { properties: object } }>
  return Object.keys(tools.find((tool) => tool.name === name)?.inputSchema.properties ?? {})
}

test.each([
  ['', 'main__echo'],
  ['main', 'echo'],
  ['view', 'main__echo'],
])('at the endpoint "%s" sessions of a tenant get its values, and those of the server win', async (endpoint, tool) => {
  const { url } = await start()
  for (const [tenant, org] of [
    ['a', 'a'],
    ['b', 'b'],
    // Named without arguments of its own, and without a name in the settings.
    ['c', 'of default'],
    ['default', 'of default'],
  ] as const) {
    const session = await openSession(url(tenant, endpoint === '' ? undefined : endpoint))
    const given = { text: 'x', org_id: 'evil', region: 'evil' }
    expect(JSON.parse(await session.text(tool, given))).toEqual({ text: 'x', org_id: org, region: 'eu' })
    expect(argumentsIn(await session.request('tools/list'), tool)).toEqual(['text'])
  }
})

test('clients without a session get them as well', async () => {
  const { url } = await start()
  for (const tenant of ['a', 'b'] as const) {
    const listed = await responseTo(await ask(url(tenant), 'tools/list', {}, { id: 1 }), 1)
    expect(argumentsIn(listed, 'main__echo')).toEqual(['text'])
    const said = await toolResponse(url(tenant), 'main__echo', { text: 'x', org_id: 'evil' })
    expect(JSON.parse(textOf(said))).toEqual({ text: 'x', org_id: tenant, region: 'eu' })
  }
})

test('a tenant has them at the servers that it names, and has what it does not name from default', async () => {
  const { url } = await start()
  const [a, b] = [await openSession(url('a', 'other')), await openSession(url('b', 'other'))]
  expect(JSON.parse(await a.text('echo', { region: 'evil' }))).toEqual({ region: 7 })
  expect(JSON.parse(await b.text('echo', { region: 'chosen' }))).toEqual({ region: 'chosen' })
  expect(argumentsIn(await a.request('tools/list'), 'echo')).toEqual(['text', 'org_id'])
  expect(argumentsIn(await b.request('tools/list'), 'echo')).toEqual(['text', 'org_id', 'region'])
})
