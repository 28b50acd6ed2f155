/** Each client gets the lists for its own client description, whatever others declare, or waits while the pool is full. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import { type Mcplex, mcplexForTest } from '../support/mcplex.ts'
import { responseTo } from '../support/rpc.ts'
import { initialize, openSession, type Session } from '../support/session.ts'

const hostile = join(import.meta.dirname, 'hostile-server.mjs')

function start(
  options: readonly string[],
  flags: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Mcplex> {
  return mcplexForTest({
    options: ['--log-level', 'warn', ...options],
    server: [hostile, '--by-capabilities', ...flags],
    env: { MCPLEX_UPSTREAM__POOL__EVICT_IDLE: '50ms', ...env },
  })
}

/** What the tools that a session is shown say: the capabilities that it was shown them for, and by which process. */
async function shown(session: Session): Promise<{ readonly can: readonly string[]; readonly pid: number }> {
  const { result, error } = await session.request('tools/list')
  if (!result) throw new Error(JSON.stringify(error))
  const names = (result['tools'] as ReadonlyArray<{ readonly name: string }>).map(({ name }) => name)
  const can = names.filter((name) => name.startsWith('can-')).map((name) => name.slice(4))
  return { can: can.sort(), pid: Number(names.find((name) => name.startsWith('of-'))?.slice(3)) }
}

/** How many processes of the server ran at once at most, until it is stopped. */
function watch(mcplex: Mcplex): () => number {
  let most = 0
  const timer = setInterval(() => (most = Math.max(most, mcplex.servers().length)), 10)
  return () => {
    clearInterval(timer)
    return most
  }
}

const roots = [undefined, {}, { listChanged: true }]
const sampling = [undefined, {}, { context: {} }, { tools: {} }, { context: {}, tools: {} }]
/** Capabilities that hardly any client has, each another. */
const odd = (index: number): Record<string, unknown> => ({
  roots: roots[index % 3],
  sampling: sampling[index % 5],
  extensions: { [`com.example/${index}`]: {} },
})
const usual: ReadonlyArray<Record<string, unknown>> = [
  { elicitation: {} },
  { elicitation: { form: {}, url: {} }, roots: { listChanged: true } },
  { elicitation: {}, roots: {}, sampling: {} },
  { elicitation: {}, tasks: { list: {}, cancel: {}, requests: { elicitation: { create: {} } } } },
]

test.each([2, 30])(
  'after odd clients, usual ones see what is theirs, in a pool of %i',
  { timeout: 60_000 },
  async (pool) => {
    const mcplex = await start(['--pool', `${pool}`])
    const most = watch(mcplex)
    // Less than the minute after which an odd profile that is no longer heard of is forgotten.
    for (let index = 0; index < 40; index += 8) {
      await Promise.all(
        Array.from({ length: 8 }, async (_, at) => {
          const session = await openSession(mcplex.url, { capabilities: odd(index + at) })
          await shown(session)
        }),
      )
    }
    for (const capabilities of usual) {
      const session = await openSession(mcplex.url, { capabilities })
      expect((await shown(session)).can).toEqual(Object.keys(capabilities).sort())
      expect(await session.text('pid')).toMatch(/^\d+$/)
      await session.end()
    }
    expect((await shown(await openSession(mcplex.url))).can).toEqual([])
    expect(most()).toBeLessThanOrEqual(pool)
  },
)

test('processes that learn are bounded, and all processes together by the pool', async () => {
  const mcplex = await start(['--pool', '6', '--queue-wait', '20s'])
  const most = watch(mcplex)
  const profiles = roots.flatMap((one) => sampling.map((other) => ({ roots: one, sampling: other })))
  const sessions = await Promise.all(
    profiles.map(async (capabilities) => {
      const session = await openSession(mcplex.url, { capabilities })
      const { can } = await shown(session)
      expect(can).toEqual(Object.keys(JSON.parse(JSON.stringify(capabilities))).sort())
      return session
    }),
  )
  expect((await counts(mcplex))['catalogWorkers']).toBeLessThanOrEqual(2)
  await Promise.all(
    sessions.map(async (session) => {
      expect(await session.text('pid')).toMatch(/^\d+$/)
      await session.end()
    }),
  )
  expect(most()).toBeLessThanOrEqual(6)
})

test('with a pool of one, clients list and call by turns, and health stays true', async () => {
  const mcplex = await start(['--pool', '1'])
  const most = watch(mcplex)
  const health: number[] = []
  const timer = setInterval(() => {
    void fetch(`${mcplex.origin}/health`).then(({ status }) => health.push(status))
  }, 50)
  const clients = await Promise.all(
    [{}, { elicitation: {} }, { roots: {}, sampling: {} }].map((capabilities) =>
      openSession(mcplex.url, { capabilities }),
    ),
  )
  for (let turn = 0; turn < 2; turn++) {
    for (const [index, client] of clients.entries()) {
      const { can } = await shown(client)
      expect(can).toEqual([[], ['elicitation'], ['roots', 'sampling']][index])
      expect(await client.text('say', { text: `${turn}` })).toBe(`${turn}`)
      expect((await shown(client)).can).toEqual(can)
      expect(await client.text('received')).toBe('2')
    }
  }
  clearInterval(timer)
  expect(most()).toBe(1)
  expect(new Set(health)).toEqual(new Set([200]))
  expect(await counts(mcplex)).toMatchObject({ workers: 1, servingWorkers: 1, catalogWorkers: 0 })
})

test('lists that were not fetched before the pool was full come from the process of the session', async () => {
  const mcplex = await start(['--pool', '1'])
  const session = await openSession(mcplex.url, { capabilities: { elicitation: {} } })
  const pid = Number(await session.text('pid'))
  expect(await shown(session)).toEqual({ can: ['elicitation'], pid })
  expect(await shown(session), 'again').toEqual({ can: ['elicitation'], pid })
  const other = await openSession(mcplex.url, { capabilities: { elicitation: {} } })
  expect((await shown(other)).pid, 'which no other client is shown').not.toBe(pid)
})

test('while all processes are busy, handshakes and lists come from the catalog, and health from the last answer', async () => {
  const mcplex = await start(['--pool', '2', '--queue-wait', '500ms'])
  const known = { elicitation: {} }
  expect((await shown(await openSession(mcplex.url, { capabilities: known }))).can).toEqual(['elicitation'])
  const busy = await Promise.all([openSession(mcplex.url), openSession(mcplex.url)])
  for (const session of busy) await session.text('pid')
  // A server that works and answers nothing meanwhile, as synchronous ones do.
  const work = busy.map((session) => session.text('block', { ms: 5000 }))
  await eventually('both to be at work', async () => (await counts(mcplex))['calls'] === 2)
  const report = await fetch(`${mcplex.origin}/health`)
  expect(report.status).toBe(200)
  for (const [capabilities, can] of [
    [{}, []],
    [known, ['elicitation']],
  ] as const) {
    expect((await shown(await openSession(mcplex.url, { capabilities }))).can).toEqual(can)
  }
  // One that was not learnt yet is not turned away: it is answered as clients are that declare nothing.
  const unknown = await initialize(mcplex.url, { capabilities: { sampling: {} } })
  expect((await responseTo(unknown, 0)).result).toHaveProperty('capabilities.tools')
  expect(await Promise.all(work)).toEqual(['blocked', 'blocked'])
})

test('a catalog worker is evicted for a call, and another worker answers the requests that waited for it', async () => {
  const mcplex = await start(['--pool', '1', '--queue-wait', '15s'], ['--slow-own-list=8000'])
  const [one, two] = [await openSession(mcplex.url), await openSession(mcplex.url, { capabilities: { roots: {} } })]
  const list = shown(two)
  await new Promise((resolve) => setTimeout(resolve, 300))
  const startedMs = performance.now()
  expect(await one.text('say', { text: 'now' })).toBe('now')
  expect(performance.now() - startedMs).toBeLessThan(6000)
  expect((await list).can).toEqual(['roots'])
})
