/** Servers that take all the memory, or start processes without end: they harm no other server, and leave nothing behind. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Log, silentLog } from '../../src/base/log.ts'
import { enforcedByGroups } from '../../src/upstreams/stdio/control-group-limits.ts'
import { runs } from '../children/processes.ts'
import { eventually } from '../support/eventually.ts'
import { startSeveral } from '../support/in-process.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { reasonOf, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'

const greedy = join(import.meta.dirname, 'greedy-server.mjs')
/** Whether control groups keep it from starting as many. */
const isBounded = enforcedByGroups().has('pids')
const mebibyte = 1024 ** 2

/** A greedy server beside another one. */
async function start(): Promise<{
  readonly greedy: Session
  readonly other: Session
  readonly bystander: Session
  /** What was warned of, and why workers have ended. */
  readonly warnings: string[]
  readonly ends: string[]
}> {
  const [warnings, ends]: [string[], string[]] = [[], []]
  const log: Log = { ...silentLog, warn: (_, message) => void warnings.push(message) }
  const { url, gateway } = await startSeveral(
    {
      greedy: { args: [greedy], spares: 0, limitMemoryBytes: 250 * mebibyte, limitPids: 64, limitBestEffort: true },
      echo: [echoLegacy],
    },
    {},
    { log },
  )
  gateway.events.on('workerEnded', ({ reason }) => void ends.push(reason))
  const [one, two] = await Promise.all([openSession(`${url}/greedy`), openSession(`${url}/greedy`)])
  return { greedy: one, other: two, bystander: await openSession(`${url}/echo`), warnings, ends }
}

/** Has the other server called until something is over; gives how often it has answered. */
async function meanwhile(bystander: Session, over: Promise<unknown>): Promise<number> {
  let [goesOn, answered] = [true, 0]
  void over.finally(() => (goesOn = false))
  do {
    expect(await bystander.text('echo', { text: 'here' })).toBe('here')
    answered++
  } while (goesOn)
  return answered
}

test.each([false, true])(
  'one that needs more memory than it may have is ended with a typed error, and harms no other (in a process of its own: %s)',
  async (child) => {
    const { greedy: hog, other, bystander, warnings, ends } = await start()
    const [pid, others] = [await hog.text('pid'), await other.text('pid')]
    const response = hog.response('hog', { megabytes: 700, child })
    expect(await meanwhile(bystander, response)).toBeGreaterThan(0)
    expect(reasonOf(await response)).toBe('worker_memory')
    await eventually('it is gone', () => !runs(Number(pid)))
    expect(ends).toEqual(['memory_limit'])
    expect(warnings).toContain('worker needs more memory than it may have and is ended')
    expect(warnings).not.toContain('worker ended unexpectedly')
    expect(await other.text('pid'), 'another session of the same server').toBe(others)
    expect(await hog.text('pid'), 'its own session gets the next one').not.toBe(pid)
  },
)

test('one that starts 300 processes harms no other, and all of them end with it', async () => {
  const { greedy: bomb, other, bystander } = await start()
  const [pid, others] = [await bomb.text('pid'), await other.text('pid')]
  const response = bomb.response('bomb', { count: 300 })
  await meanwhile(bystander, response)
  const pids = textOf(await response)
    .split(' ')
    .map(Number)
  expect(pids.length < 64, `${pids.length} processes`).toBe(isBounded)
  expect(pids.length === 300).toBe(!isBounded)
  expect(await other.text('pid')).toBe(others)
  await bomb.end()
  await eventually('all of them are gone', () => [Number(pid), ...pids].every((one) => !runs(one)))
  expect(await bystander.text('echo', { text: 'still here' })).toBe('still here')
})
