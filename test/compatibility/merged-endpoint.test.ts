/** Every feature of the compatibility table once more, at the endpoint of two servers: none is lost there. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { allReady } from '../support/all-ready.ts'
import { type InProcess, startSeveral } from '../support/in-process.ts'
import { echoLegacy, echoModern } from '../support/mcplex.ts'
import { capabilitiesOf } from './answers.ts'
import { features } from './features/all.ts'
import { endsWithCall, isShared, type Lane } from './features/feature.ts'
import { eventually } from '../support/eventually.ts'
import { type Column, columns } from './columns.ts'
import { connectTestClient, type TestClient } from './test-client.ts'
import { http1 } from './transports/http-exchange.ts'
import { renamed } from './transports/merged-endpoint.ts'
import { streamable } from './transports/streamable-http.ts'
import type { JsonMap } from '../support/rpc.ts'

const program = join(import.meta.dirname, 'server', 'server.mjs')
const notes = mkdtempSync(join(tmpdir(), 'mcplex-merged-'))
const transport = 'HTTP/1.1'
/** The endpoint has a name and instructions of its own. */
const own = new Set(['The server description'])

afterAll(() => rmSync(notes, { recursive: true }))

async function start({ speaks, options }: Column): Promise<InProcess> {
  const stateless = options.length > 0 ? ('principal' as const) : undefined
  const args = [program, `--speaks=${speaks}`, `--notes=${notes}`]
  const more = stateless && { stateless }
  const other = speaks === 'new' ? echoModern : echoLegacy
  const one = await startSeveral({ one: { args, ...more }, two: { args: [other], ...more } })
  await allReady(one.url)
  return one
}

/** Has every process of the server replaced by one that has served nobody. */
async function renew({ gateway }: InProcess): Promise<void> {
  const operations = gateway.operations('one')
  const workers = (): readonly number[] =>
    operations?.workers().flatMap(({ worker, state }) => (state === 'ended' ? [] : (worker ?? []))) ?? []
  const old = workers()
  void operations?.recycle()
  await eventually('other processes', () => !workers().some((worker) => old.includes(worker)))
}

async function laneOf(column: Column): Promise<Lane> {
  const { client, server, speaks } = column
  const spoken = speaks === 'dual' ? (client === '2026-07-28' ? 'new' : 'old') : speaks
  const at = await start(column)
  const isAlone = !isShared({ spoken, client }) || endsWithCall({ spoken, client, transport })
  let quiet: InProcess | undefined
  const connect = (place: InProcess, capabilities: JsonMap): Promise<TestClient> =>
    connectTestClient({
      version: client,
      capabilities,
      open: (onMessage) =>
        renamed('one', (each) => streamable(http1({ origin: new URL(place.url).origin }), '/mcp', each), onMessage),
    })
  return {
    client,
    server,
    transport,
    spoken,
    sdk: undefined,
    closed: undefined,
    connect: (capabilities = capabilitiesOf(client)) => connect(at, capabilities),
    async alone(testClient, work) {
      if (isAlone) return work(testClient)
      if (quiet) await renew(quiet)
      else quiet = await start(column)
      const other = await connect(quiet, capabilitiesOf(client))
      try {
        await work(other)
      } finally {
        await other.close()
      }
    },
  }
}

/** Where clients without a session are refused, a merged endpoint refuses them as well. */
const served = columns.filter(
  ({ client, speaks, options }) => client !== '2026-07-28' || speaks === 'new' || options.length > 0,
)

test.each(served)(
  'a client of $client before two servers, of which one speaks $server',
  async (column) => {
    const lane = await laneOf(column)
    const testClient = await lane.connect()
    const found = new Map<string, string>()
    for (const { name, check } of features) {
      if (own.has(name)) continue
      found.set(name, await check(testClient, lane).catch((error: unknown) => `FAILED: ${String(error)}`))
    }
    await testClient.close()
    const wanted = features.filter(({ name }) => !own.has(name)).map(({ name, expected }) => [name, expected(lane)])
    expect(Object.fromEntries(found)).toEqual(Object.fromEntries(wanted))
  },
  120_000,
)
