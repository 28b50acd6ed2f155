/** A stdio upstream of this process, whose server records each call that it runs: shows that none runs twice. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Cancel } from '../../src/base/cancel.ts'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { createEvents } from '../../src/base/events.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { createMemoryBudget } from '../../src/base/memory-budget.ts'
import { asRefusal } from '../../src/base/refusal.ts'
import { fillSettings } from '../../src/config/assemble.ts'
import { thisMachine } from '../../src/config/load.ts'
import type { JsonObject } from '../../src/base/json.ts'
import type { PartialUpstream } from '../../src/index.ts'
import type { Call } from '../../src/protocol/call.ts'
import { rawObject } from '../../src/protocol/json-text.ts'
import type { SingleUpstream } from '../../src/upstreams/upstream.ts'
import { createStdioUpstream } from '../../src/upstreams/stdio/stdio-upstream.ts'
import { onlyUpstream } from './only-upstream.ts'

export interface Recorded {
  readonly upstream: SingleUpstream
  /** Calls the tool for a client; resolves with the id of the process that answered, or the code of the refusal. */
  call(client: string, args?: JsonObject): Promise<string>
  /** Lets calls with the argument `held` be answered. */
  release(): void
  /** The process ids of those that were pinged, in order. */
  pings(): readonly number[]
  /** Lets this much time pass at once: only for what compares times, not for timers. */
  skip(ms: number): void
  /** Has handshakes not be answered, or be refused, from now on; or neither any more. */
  starts(how: 'held' | 'refused' | 'answered'): void
  /** How often each call has run, by its id. */
  runs(): ReadonlyMap<string, number>
}

const server = join(import.meta.dirname, '..', 'fixtures', 'recording.mjs')

/** It ends with the test that runs. */
export async function startRecorded(
  settings: Partial<PartialUpstream> = {},
  { flags = [], log = silentLog }: { readonly flags?: readonly string[]; readonly log?: Log } = {},
): Promise<Recorded> {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-recorded-'))
  const file = join(folder, 'calls')
  writeFileSync(file, '')
  writeFileSync(`${file}.pings`, '')
  let skippedMs = 0
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + skippedMs }
  const given = { command: process.execPath, args: [server, file, ...flags], protocol: 'legacy' as const, ...settings }
  const upstream = createStdioUpstream({
    settings: onlyUpstream(fillSettings({ upstream: given }, thisMachine())),
    hasOneClient: false,
    queue: 1000,
    queueWaitMs: 60_000,
    clock,
    log,
    events: createEvents(),
    memory: createMemoryBudget(256 * 1024 ** 2),
    endSuspendedCalls: () => {},
  })
  onTestFinished(async () => {
    await upstream.close()
    rmSync(folder, { recursive: true })
  })
  await upstream.start(() => {})
  let calls = 0
  return {
    upstream,
    async call(client, args = {}) {
      const reply = upstream.call(callOf(client, { id: `call-${++calls}`, ...args }))
      try {
        for (;;) {
          const step = await reply.next()
          if (step.done !== true) continue
          return /"text":"(\d+)"/.exec(JSON.stringify(step.value.answer))?.[1] ?? JSON.stringify(step.value.answer)
        }
      } catch (error) {
        return asRefusal(error)?.code ?? String(error)
      }
    },
    pings: () => readFileSync(`${file}.pings`, 'utf8').split('\n').filter(Boolean).map(Number),
    skip: (ms) => void (skippedMs += ms),
    release: () => writeFileSync(`${file}.go`, ''),
    starts(how) {
      for (const [ending, name] of [
        ['hold', 'held'],
        ['refuse', 'refused'],
      ] as const)
        if (how === name) writeFileSync(`${file}.${ending}`, '')
        else rmSync(`${file}.${ending}`, { force: true })
    },
    runs() {
      const found = new Map<string, number>()
      for (const line of readFileSync(file, 'utf8').split('\n')) {
        const [id = ''] = line.split(' ')
        if (id !== '') found.set(id, (found.get(id) ?? 0) + 1)
      }
      return found
    },
  }
}

function callOf(client: string, args: JsonObject): Call {
  return {
    id: client,
    method: 'tools/call',
    params: rawObject({ name: 'run', arguments: args }),
    client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: { name: 'load', version: '1' } },
    principal: { tenant: '', subject: client },
    session: client,
    fairnessKey: client,
    clientKey: client,
    progressToken: undefined,
    logLevel: undefined,
    worker: undefined,
    cancel: new Cancel(),
  }
}
