/** Pauses, resumes, disables, enables or recycles a server of a running instance, and tells what has become of it. */
import { pause, stayAwake, systemClock as clock } from '../../../base/clock.ts'
import { askDoor, type Door } from '../../door.ts'
import { CommandFailed } from '../../failures.ts'
import type { Outputs } from '../../outputs.ts'
import { changeInWords, recycleInWords, waitInWords } from './change-words.ts'
import { allWorkers } from './all-workers.ts'
import type { UpstreamChange, UpstreamsAction } from './command.ts'

type Change = Extract<UpstreamsAction, { readonly kind: UpstreamChange }>

const lookEveryMs = 250

/** What is waited for is told after this time. */
const quietMs = 2000

/** The longest wait of `--wait`: calls may take an hour, and `mcplex upstreams` shows those that are left. */
const longestWaitMs = 600_000

/** @throws CommandFailed if there is no such server, the instance does not answer, or the wait takes too long */
export async function changeUpstream(
  { kind, upstream, forMs, waits }: Change,
  door: Door,
  { isJson, isQuiet }: { readonly isJson: boolean; readonly isQuiet: boolean },
  { stdout, stderr }: Outputs,
): Promise<number> {
  const segments = { upstream }
  const tell = (answer: object, line: string): void => {
    if (isJson) stdout.write(`${JSON.stringify({ event: kind, pid: door.pid, ...answer })}\n`)
    else if (!isQuiet) stderr.write(`${line}\n`)
  }
  if (kind === 'recycle') {
    const { workers } = await askDoor(door, 'recycleUpstream', { segments })
    const sinceMs = clock.now()
    const old = new Set(workers)
    if (waits) {
      let told = ''
      await until(door, upstream, 'workers that are to be replaced', async () => {
        const left = await statesLeft(door, upstream, old, clock.now() - sinceMs)
        const line = waitInWords(upstream, left)
        // What ends at once needs no word.
        if (left.length > 0 && line !== told && clock.now() - sinceMs >= quietMs) {
          if (isJson) stdout.write(`${JSON.stringify({ event: 'waiting', pid: door.pid, upstream, states: left })}\n`)
          else if (!isQuiet) stderr.write(`${line}\n`)
          told = line
        }
        return left.length === 0
      })
    }
    tell({ upstream, workers, waited: waits }, recycleInWords(upstream, workers.length, waits))
    return 0
  }
  const asked = { segments, ...(kind === 'pause' && { body: forMs === undefined ? {} : { forMs } }) }
  let answer = await askDoor(door, operations[kind], asked)
  if (waits) {
    await until(door, upstream, 'calls', async () => {
      const { isIdle, resumesInMs } = await look(door, upstream)
      if (kind === 'pause' && resumesInMs === undefined) throw over(door, upstream)
      answer = { ...answer, resumesInMs }
      return isIdle
    })
  }
  const { draining } = await askDoor(door, 'drain', { query: { limit: 1 } })
  tell({ ...answer, draining, waited: waits }, changeInWords(kind, answer, { waits, draining }))
  return 0
}

const operations = {
  pause: 'pauseUpstream',
  resume: 'resumeUpstream',
  disable: 'disableUpstream',
  enable: 'enableUpstream',
} as const

/** Whether no call runs, or is in line for a worker because it had come before, and when a pause ends. */
async function look(
  door: Door,
  name: string,
): Promise<{ readonly isIdle: boolean; readonly resumesInMs: number | undefined }> {
  const { upstreams } = await askDoor(door, 'upstreams')
  const found = upstreams.find((one) => one.name === name)
  if (!found) {
    const message = `${door.name} has no upstream ${name} any more`
    throw new CommandFailed([{ code: 'upstream_unknown', message, notes: [['try', 'mcplex upstreams']] }])
  }
  const isIdle = found.calls === 0 && (found.counts['waitingCalls'] ?? 0) === 0
  return { isIdle, resumesInMs: found.resumesInMs }
}

/**
 * The states of workers that are to be replaced and have not ended.
 * @param agoMs when they were to be replaced: a reload meanwhile numbers its workers anew
 */
async function statesLeft(
  door: Door,
  upstream: string,
  replaced: ReadonlySet<number>,
  agoMs: number,
): Promise<string[]> {
  const workers = await allWorkers(door, upstream)
  return workers.flatMap(({ worker, state, ageMs }) =>
    worker !== undefined && replaced.has(worker) && state !== 'ended' && ageMs >= agoMs ? [state] : [],
  )
}

async function until(door: Door, upstream: string, what: string, isOver: () => Promise<boolean>): Promise<void> {
  const endMs = clock.now() + longestWaitMs
  const awake = stayAwake()
  try {
    while (!(await isOver())) {
      if (clock.now() >= endMs) throw busy(door, upstream, what)
      await pause(clock, lookEveryMs)
    }
  } finally {
    awake.stop()
  }
}

function over({ name }: Door, upstream: string): CommandFailed {
  const message = `the pause of ${upstream} of ${name} has ended while calls were still running: new calls run again`
  return new CommandFailed([
    { code: 'upstream_busy', message, notes: [['try', `mcplex upstreams pause ${upstream} --wait --for 30m`]] },
  ])
}

function busy({ name }: Door, upstream: string, what: string): CommandFailed {
  const message = `${upstream} of ${name} still has ${what} after ${longestWaitMs / 60_000} minutes; what was asked for is in force`
  return new CommandFailed([{ code: 'upstream_busy', message, notes: [['try', 'mcplex upstreams --workers']] }])
}
