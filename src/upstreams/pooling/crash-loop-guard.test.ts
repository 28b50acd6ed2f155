import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { asRefusal } from '../../base/refusal.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'
import { type CrashLoopGuard, createCrashLoopGuard } from './crash-loop-guard.ts'
import type { ServerEra } from '../server-era.ts'
import { createSingleInstance, type SingleInstance } from './single-instance.ts'
import { RestartBackoff } from './restart-backoff.ts'
import type { StartFailure } from '../worker-exit.ts'

const serverEra: ServerEra = {
  codec: legacyUpstreamCodec,
  mode: 'session',
  statelessMode: 'session',
  serverDescription: rawObject({}),
}

const alone = { isNeutral: false, wasBeside: false, serverEra }
const ended: StartFailure = { fault: 'ended', detail: 'it ended' }
const refusal: StartFailure = { fault: 'refused', detail: 'it refused' }
const missing: StartFailure = { fault: 'not_run', detail: 'it is not there' }

interface Fixture {
  readonly crashLoopGuard: CrashLoopGuard
  readonly onlyOne: SingleInstance
  /** The number of test starts. */
  readonly testStarts: () => number
  /** Whether a client without failures would have to wait. */
  readonly othersWait: () => Promise<boolean>
  pass(ms: number): void
}

function createFixture(starts: () => boolean, isOneRunning = false): Fixture {
  const clock = manualClock()
  let testStarts = 0
  const onlyOne = createSingleInstance({ clock, log: silentLog, changed() {} })
  const crashLoopGuard: CrashLoopGuard = createCrashLoopGuard({
    clock,
    onlyOne,
    isOneRunning: () => isOneRunning,
    areSeveralRunning: () => false,
    testStart() {
      testStarts++
      if (starts()) return Promise.resolve()
      crashLoopGuard.startFailed(undefined, ended, { ...alone, isNeutral: true })
      return Promise.reject(new Error('it does not start'))
    },
  })
  return {
    crashLoopGuard,
    onlyOne,
    testStarts: () => testStarts,
    async othersWait() {
      let isAllowed = false
      const waiting = crashLoopGuard.untilAllowed(new RestartBackoff()).then(
        () => (isAllowed = true),
        (error: unknown) => expect(asRefusal(error)?.code).toBe('upstream_unavailable'),
      )
      await settled()
      const hasToWait = !isAllowed
      clock.advance(60_000)
      await waiting
      return hasToWait
    },
    pass: (ms) => clock.advance(ms),
  }
}

/** Lets pending promises settle. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('while test starts succeed, only the client whose handshake ends the server has to wait', async () => {
  const { crashLoopGuard, testStarts, othersWait } = createFixture(() => true)
  const own = new RestartBackoff()
  for (let times = 0; times < 6; times++) {
    crashLoopGuard.startFailed(own, ended, alone)
    await settled()
  }
  expect(own.refusesAtOnce(1_000_000)).toBe(true)
  expect(testStarts(), 'and it is not started again and again to see that').toBe(1)
  expect(await othersWait()).toBe(false)
})

test('if a test start fails, too, all clients wait until the program has started once', async () => {
  let isThere = false
  const { crashLoopGuard, testStarts, othersWait, pass } = createFixture(() => isThere)
  crashLoopGuard.startFailed(new RestartBackoff(), ended, alone)
  await settled()
  expect(await othersWait()).toBe(true)
  for (let units = 0; units < 5; units++) crashLoopGuard.startFailed(new RestartBackoff(), ended, alone)
  expect(testStarts(), 'it is known by now').toBe(1)
  await expect(crashLoopGuard.untilAllowed(new RestartBackoff())).rejects.toThrow()
  isThere = true
  pass(120_000)
  crashLoopGuard.started()
  crashLoopGuard.startFailed(new RestartBackoff(), ended, alone)
  await settled()
  expect(testStarts()).toBe(2)
  expect(await othersWait()).toBe(false)
})

test('a missing program makes all clients wait, a refused handshake only the client that was refused', async () => {
  const fixture = createFixture(() => true)
  fixture.crashLoopGuard.startFailed(new RestartBackoff(), refusal, alone)
  expect([fixture.testStarts(), await fixture.othersWait()]).toEqual([0, false])
  const other = createFixture(() => true)
  other.crashLoopGuard.startFailed(new RestartBackoff(), missing, alone)
  expect([other.testStarts(), await other.othersWait()]).toEqual([0, true])
})

test('of any number of failing profiles, only those that have to wait are remembered', () => {
  const { crashLoopGuard, pass } = createFixture(() => true)
  const first = crashLoopGuard.ofSource('first')
  for (let at = 0; at < 511; at++) crashLoopGuard.ofSource(`${at}`)
  first.failed(1_000_000, 'ended')
  crashLoopGuard.ofSource('one more')
  expect(crashLoopGuard.ofSource('first')).toBe(first)
  pass(120_000)
  for (let at = 0; at < 512; at++) crashLoopGuard.ofSource(`later ${at}`)
  expect(crashLoopGuard.ofSource('first')).not.toBe(first)
})

test('where only one worker can run, a start is explained by a worker that ran when it began', async () => {
  const { crashLoopGuard, onlyOne, testStarts } = createFixture(() => true)
  onlyOne.found('it is locked')
  crashLoopGuard.startFailed(new RestartBackoff(), ended, { ...alone, wasBeside: true })
  expect(testStarts()).toBe(0)
  crashLoopGuard.startFailed(new RestartBackoff(), ended, { ...alone, isNeutral: true, wasBeside: true })
  expect([crashLoopGuard.fault, onlyOne.isKnown]).toEqual([undefined, true])
  crashLoopGuard.startFailed(new RestartBackoff(), ended, { ...alone, isNeutral: true })
  expect([crashLoopGuard.fault, onlyOne.isKnown], 'alone, it has another cause').toEqual(['it ended', false])
})

test('a new version that ends at its start beside the old one is broken, where two of the old one have run at once', async () => {
  const { crashLoopGuard, onlyOne } = createFixture(() => false, true)
  onlyOne.ranBeside(true)
  crashLoopGuard.startFailed(new RestartBackoff(), ended, { ...alone, wasBeside: true })
  await settled()
  expect([crashLoopGuard.fault, onlyOne.isKnown]).toEqual(['it ended', false])
  // It starts once the old one is gone, and the next one does not beside it: only one of this version can run.
  crashLoopGuard.started()
  crashLoopGuard.startFailed(undefined, ended, { ...alone, isNeutral: true, wasBeside: true })
  expect([crashLoopGuard.fault, onlyOne.isKnown]).toEqual([undefined, true])
})

test('a failure counts at once, unless a worker that runs beside may be its cause', () => {
  const { crashLoopGuard } = createFixture(() => true)
  const [beside, byItself, refused] = [new RestartBackoff(), new RestartBackoff(), new RestartBackoff()]
  expect([
    crashLoopGuard.startFailed(beside, ended, { ...alone, wasBeside: true }),
    crashLoopGuard.startFailed(byItself, ended, alone),
    crashLoopGuard.startFailed(refused, refusal, { ...alone, wasBeside: true }),
  ]).toEqual([true, false, false])
  expect([beside, byItself, refused].map((own) => own.pauseMs(1_000_000) > 0)).toEqual([false, true, true])
})
