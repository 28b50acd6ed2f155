/**
 * Servers of each kind are paused, recycled, replaced by a file that changes, and crash while two hundred clients call them.
 * No call fails and none runs twice. A crash ends the calls that the process had begun, each with a typed error; no other
 * call fails, and sessions have the state that mcplex keeps for them, or are told that their server has forgotten.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askAt, type RuntimeFolder, runtimeFolder } from '../support/door.ts'
import { eventually } from '../support/eventually.ts'
import { type ClientEra, type LightClients, startLoad } from '../support/light-clients.ts'
import { type LogLine, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { reasonOf, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'

const clients = 200

/** Far above what anything here takes, in milliseconds. */
const waitsMs = 240_000
const fixtures = join(import.meta.dirname, '..', 'fixtures')

interface Kind {
  readonly name: string
  readonly era: ClientEra
  readonly upstream: (file: string) => object
  /** How many clients crash what serves them, and how many calls that may end; undefined if nothing can crash alone. */
  readonly crashes?: { readonly clients: number; readonly lostAtMost: number }
  /** What remembers the calls of a session: mcplex, so that it outlives all of this, or the process. */
  readonly memory?: 'mcplex' | 'process'
  /** Whether its workers are processes. */
  readonly hasProcesses: boolean
}

const program = join(fixtures, 'recording.sh')
const module = join(fixtures, 'modules', 'recording.mjs')
/** How many calls one of the shared processes runs at once. */
const concurrency = 20

const kinds: readonly Kind[] = [
  {
    name: 'own-processes',
    era: 'session-based',
    upstream: (file) => ({
      command: ['/bin/sh', program, file],
      mode: 'session',
      pool: { max: clients + 20, spares: 0 },
    }),
    crashes: { clients: 10, lostAtMost: 10 },
    memory: 'process',
    hasProcesses: true,
  },
  {
    name: 'shared-processes',
    era: 'session-based',
    upstream: (file) => ({ command: ['/bin/sh', program, file], mode: 'shared', pool: { max: 2, concurrency } }),
    crashes: { clients: 1, lostAtMost: concurrency },
    hasProcesses: true,
  },
  {
    name: 'stateless-processes',
    era: 'stateless',
    upstream: (file) => ({ command: ['/bin/sh', program, file, 'modern'], pool: { max: 2, concurrency } }),
    crashes: { clients: 1, lostAtMost: concurrency },
    hasProcesses: true,
  },
  { name: 'module', era: 'session-based', upstream: () => ({ module }), memory: 'mcplex', hasProcesses: false },
  {
    name: 'thread',
    era: 'session-based',
    upstream: () => ({ module, isolate: true }),
    // One thread has the objects of all sessions.
    crashes: { clients: 1, lostAtMost: clients + 1 },
    memory: 'mcplex',
    hasProcesses: false,
  },
]

let place: RuntimeFolder
let mcplex: Mcplex

const at = (name: string): string => join(place.folder, '..', name)
const callsOf = ({ name }: Kind): string => at(`${name}.calls`)

/** The file of mcplex, in which one server may have another setting. */
function writeFile(changed?: Kind): void {
  const upstreams = kinds.map((kind) => {
    const pool = { recycle: { calls: kind === changed ? 1_000_000 : 2_000_000 } }
    const upstream = kind.upstream(callsOf(kind)) as { pool?: object }
    return [kind.name, { ...upstream, pool: { ...upstream.pool, ...pool } }]
  })
  const limits = { queue: { max: 1000, maxWait: '5m' } }
  writeFileSync(at('new.yaml'), JSON.stringify({ upstreams: Object.fromEntries(upstreams), limits }))
  renameSync(at('new.yaml'), at('mcplex.yaml'))
}

beforeAll(async () => {
  place = runtimeFolder()
  for (const kind of kinds) writeFileSync(callsOf(kind), '')
  writeFile()
  mcplex = await startMcplex({ env: place.env, file: at('mcplex.yaml') })
}, 120_000)

afterAll(async () => {
  await mcplex?.end()
  place.remove()
})

async function door(method: string, path: string): Promise<Readonly<Record<string, unknown>>> {
  const { status, body, text } = await askAt(place.placesOf(mcplex.pid).socket, `/api/v1/${path}`, { method })
  if (status !== 200) throw new Error(`${path}: ${text}`)
  return body as Readonly<Record<string, unknown>>
}

const operate = (kind: Kind, verb: string): Promise<Readonly<Record<string, unknown>>> =>
  door('POST', `upstreams/${kind.name}/${verb}`)

async function waiting(kind: Kind): Promise<number> {
  const { upstreams } = (await door('GET', 'upstreams')) as {
    upstreams: ReadonlyArray<{ name: string; waiting: number }>
  }
  return upstreams.find(({ name }) => name === kind.name)?.waiting ?? 0
}

async function workers(kind: Kind): Promise<readonly number[]> {
  const found = await door('GET', `workers?limit=1000&upstream=${kind.name}`)
  return (found as { workers: ReadonlyArray<{ worker: number }> }).workers.map(({ worker }) => worker)
}

/** Resolves when each client has been served from now on. */
async function served({ answered, made }: LightClients, what: string): Promise<void> {
  const since = [...made]
  const isServed = (client: number): boolean => {
    for (let call = since[client] ?? 0; call < (made[client] ?? 0); call++)
      if (answered.has(`${client}-${call}.`)) return true
    return false
  }
  await eventually(
    `all clients to be served after ${what}`,
    () => since.every((_, client) => isServed(client)),
    waitsMs,
  )
}

/** How often each call has run. */
function runsOf(kind: Kind): ReadonlyMap<string, number> {
  const runs = new Map<string, number>()
  for (const text of readFileSync(callsOf(kind), 'utf8').split('\n').filter(Boolean))
    runs.set(text, (runs.get(text) ?? 0) + 1)
  return runs
}

describe.each(kinds)('$name', { timeout: waitsMs }, (kind) => {
  let load: LightClients

  beforeAll(async () => {
    const url = `${mcplex.origin}/mcp/${kind.name}`
    load = await startLoad({ url, era: kind.era, clients, args: { file: callsOf(kind) }, restMs: 200 })
    await served(load, 'the start')
  }, waitsMs)

  afterAll(async () => {
    await load?.stop()
    await load?.end()
  }, waitsMs)

  test('is paused, and resumed: calls wait', async () => {
    await operate(kind, 'pause')
    await eventually('all clients to wait', async () => (await waiting(kind)) === clients)
    const before = runsOf(kind).size
    await operate(kind, 'resume')
    await served(load, 'the pause')
    expect(runsOf(kind).size).toBeGreaterThan(before)
    expect(load.wrong).toEqual([])
  })

  test('is recycled: other workers serve', async () => {
    const before = (await operate(kind, 'recycle')) as { workers: readonly number[] }
    await served(load, 'the recycling')
    await eventually(
      'the workers to be replaced',
      async () => {
        const now = await workers(kind)
        return before.workers.every((worker) => !now.includes(worker))
      },
      waitsMs,
    )
    expect(load.wrong).toEqual([])
  })

  test('is replaced by a file that changes', async () => {
    writeFile(kind)
    const { code, stderr } = await place.run('reload')
    expect([code, stderr]).toEqual([0, expect.stringContaining(kind.name)])
    await served(load, 'the reload')
    expect(load.wrong).toEqual([])
  })

  test.runIf(kind.crashes)('crashes: only calls that it had begun are lost', async () => {
    const { clients: crashing = 0, lostAtMost = 0 } = kind.crashes ?? {}
    const calls = Array.from({ length: crashing }, (_, client) => load.callOnce(client, { crash: true }))
    expect(new Set(await Promise.all(calls))).toEqual(new Set(['upstream_closed']))
    await served(load, 'the crash')
    const lost = load.wrong.filter(({ answer }) => answer === 'upstream_closed')
    expect(load.wrong).toEqual(lost)
    expect(lost.length).toBeLessThanOrEqual(crashing + lostAtMost)
    // A client that crashes what serves it has another call at the same time.
    const others = lost.filter(({ client }) => client >= crashing).map(({ client }) => client)
    expect(new Set(others).size).toBe(others.length)
  })

  test('no call has run twice, and all that were answered have run', async () => {
    await load.stop()
    const runs = runsOf(kind)
    expect([...runs].filter(([, times]) => times > 1)).toEqual([])
    expect([...load.answered].filter((text) => !runs.has(text))).toEqual([])
    const lost = new Set(load.wrong.map(({ text }) => text))
    expect([...runs.keys()].filter((text) => !load.answered.has(text) && !lost.has(text))).toEqual([])
  })

  test.runIf(kind.memory === 'mcplex')('sessions have the state that mcplex keeps for them', () => {
    const lost = new Set(load.wrong.map(({ client }) => client))
    const states = [...load.extras].filter(([client]) => !lost.has(client))
    // The count of a call that was lost may have been kept, or not.
    expect(states.map(([, count]) => Number(count))).toEqual(states.map(([client]) => load.made[client]))
    expect(load.extras.size).toBe(clients)
  })

  test.runIf(kind.memory === 'process')('a session whose process has crashed is told', async () => {
    const session = await openSession(`${mcplex.origin}/mcp/${kind.name}`)
    const stream = await session.listen()
    const run = (args: object): Promise<RpcMessage> => session.response('run', { text: 'told', ...args })
    expect(textOf(await run({}))).toBe('told')
    expect(reasonOf(await run({ crash: true }))).toBe('upstream_closed')
    expect(textOf(await run({}))).toBe('told')
    await stream.event('the change of its lists', ({ data }) => data.includes('notifications/tools/list_changed'))
    stream.cut()
    const isTold = ({ reason, upstream }: LogLine): boolean => reason === 'upstream_restarted' && upstream === kind.name
    await eventually('a line in the log', () => mcplex.log.some(isTold))
  })
})
