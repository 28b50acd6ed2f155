import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { asRefusal } from '../../base/refusal.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'
import { type CrashLoopGuard, createCrashLoopGuard } from './crash-loop-guard.ts'
import type { ServerEra } from '../connection/connector.ts'
import { createSingleInstance } from './single-instance.ts'
import { RestartBackoff } from './restart-backoff.ts'
import type { StartFailure } from '../connection/start-failure.ts'

const serverEra: ServerEra = {
  codec: legacyUpstreamCodec,
  mode: 'session',
  statelessMode: 'session',
  serverDescription: rawObject({}),
}

const ended: StartFailure = { fault: 'ended', detail: 'it ended' }
const refusal: StartFailure = { fault: 'refused', detail: 'it refused' }
const missing: StartFailure = { fault: 'not_run', detail: 'it is not there' }

interface Scene {
  readonly crashLoopGuard: CrashLoopGuard
  /** How often the program was started to see whether it starts. */
  readonly proofs: () => number
  /** Whether somebody of whom no failure is known would have to wait. */
  readonly othersWait: () => Promise<boolean>
  pass(ms: number): void
}

function createScene(starts: () => boolean): Scene {
  const clock = manualClock()
  let proofs = 0
  const crashLoopGuard: CrashLoopGuard = createCrashLoopGuard({
    clock,
    onlyOne: createSingleInstance({ clock, log: silentLog, changed() {} }),
    isOneRunning: () => false,
    areSeveralRunning: () => false,
    testStart() {
      proofs++
      if (starts()) return Promise.resolve()
      crashLoopGuard.startFailed(undefined, ended, true, serverEra)
      return Promise.reject(new Error('it does not start'))
    },
  })
  return {
    crashLoopGuard,
    proofs: () => proofs,
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

/** Lets what was begun get through. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('who ends the server by its words waits, and nobody else, as long as the program starts for us', async () => {
  const { crashLoopGuard, proofs, othersWait } = createScene(() => true)
  const own = new RestartBackoff()
  for (let times = 0; times < 6; times++) {
    crashLoopGuard.startFailed(own, ended, false, serverEra)
    await settled()
  }
  expect(own.isOpen(1_000_000)).toBe(true)
  expect(proofs(), 'and it is not started again and again to see that').toBe(1)
  expect(await othersWait()).toBe(false)
})

test('a program that fails for us as well is started for nobody for a while, until it has started once', async () => {
  let isThere = false
  const { crashLoopGuard, proofs, othersWait, pass } = createScene(() => isThere)
  crashLoopGuard.startFailed(new RestartBackoff(), ended, false, serverEra)
  await settled()
  expect(await othersWait()).toBe(true)
  for (let units = 0; units < 5; units++) crashLoopGuard.startFailed(new RestartBackoff(), ended, false, serverEra)
  expect(proofs(), 'it is known by now').toBe(1)
  await expect(crashLoopGuard.untilAllowed(new RestartBackoff())).rejects.toThrow()
  isThere = true
  pass(120_000)
  crashLoopGuard.started()
  crashLoopGuard.startFailed(new RestartBackoff(), ended, false, serverEra)
  await settled()
  expect(proofs()).toBe(2)
  expect(await othersWait()).toBe(false)
})

test('a program that is not there is nobody else’s fault, and a refusal that of who was refused', async () => {
  const scene = createScene(() => true)
  scene.crashLoopGuard.startFailed(new RestartBackoff(), refusal, false, serverEra)
  expect([scene.proofs(), await scene.othersWait()]).toEqual([0, false])
  const other = createScene(() => true)
  other.crashLoopGuard.startFailed(new RestartBackoff(), missing, false, serverEra)
  expect([other.proofs(), await other.othersWait()]).toEqual([0, true])
})

test('however many profiles fail, only those that have to wait are remembered', () => {
  const { crashLoopGuard, pass } = createScene(() => true)
  const first = crashLoopGuard.ofSource('first')
  for (let at = 0; at < 511; at++) crashLoopGuard.ofSource(`${at}`)
  first.failed(1_000_000)
  crashLoopGuard.ofSource('one more')
  expect(crashLoopGuard.ofSource('first')).toBe(first)
  pass(120_000)
  for (let at = 0; at < 512; at++) crashLoopGuard.ofSource(`later ${at}`)
  expect(crashLoopGuard.ofSource('first')).not.toBe(first)
})
