/**
 * Who asked us to stop, and how urgently: signals of the system and of the keyboard, a terminal that was closed, and
 * the end of the package runner that started us, as one thing.
 */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { sighupAction } from './sighup.ts'
import { detachLostOutputs, terminalsAtStart } from './detached-terminal.ts'
import { isUnderRunner, runnersAbove, watchEnd } from './package-runner.ts'
import { openProcessTable } from './process-table.ts'

/** `end`: the client at our pipes has closed them. `runner`: the npx, npm or the like that started us has ended. */
export type StopReason = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'key' | 'end' | 'runner'

export interface Stop {
  /** Resolves when we are asked to stop for the first time. */
  readonly asked: Promise<StopReason>
  /** Resolves when we are asked again, by a signal or a key: then everything is to end at once. */
  readonly again: Promise<StopReason>
  ask(reason: StopReason): void
}

export interface StopNeeds {
  readonly clock: Clock
  readonly log: Log
  readonly env: Readonly<Record<string, string | undefined>>
}

/** A runner in front of us (npx) may pass on a signal that the terminal has sent to both: that is one request, not two. */
const echoMs = 250

/** A terminal that is closed ends the runner with the same signal that we get: which of the two we see first is chance. */
const hangupMs = 100

/** These happen to us and are nobody's second word: a closed terminal sends SIGHUP twice, and takes the runner along. */
const once: ReadonlySet<StopReason> = new Set(['SIGHUP', 'runner'])

/** Listens for signals, and for the end of the package runner above us, from now on. */
export function listenForSignals({ clock, log, env }: StopNeeds): Stop {
  let first: number | undefined
  let resolveAsked: (reason: StopReason) => void
  let resolveAgain: (reason: StopReason) => void
  const asked = new Promise<StopReason>((resolve) => (resolveAsked = resolve))
  const again = new Promise<StopReason>((resolve) => (resolveAgain = resolve))
  const ask = (reason: StopReason): void => {
    if (first === undefined) {
      first = clock.now()
      resolveAsked(reason)
    } else if (!once.has(reason) && clock.now() - first >= echoMs) resolveAgain(reason)
  }
  process.on('SIGTERM', () => ask('SIGTERM'))
  process.on('SIGINT', () => ask('SIGINT'))

  const hangup = sighupAction(env)
  const terminals = terminalsAtStart()
  let isFollowing = true
  process.on('SIGHUP', () => {
    detachLostOutputs(terminals)
    if (hangup === 'end') return ask('SIGHUP')
    if (hangup === 'nohup') isFollowing = false
    log.info({ because: hangup }, 'hangup ignored')
  })
  if (isUnderRunner(env)) {
    const table = openProcessTable()
    watchEnd(runnersAbove(process.pid, table), table, clock, () => {
      clock.after(hangupMs, () => {
        if (isFollowing) ask('runner')
      })
    })
  }
  return { asked, again, ask }
}

/** The exit code after a drain (or at once, `isCut`). */
export function exitCode(reason: StopReason, isCut: boolean): number {
  if (reason === 'SIGINT') return 130
  return isCut && reason === 'SIGTERM' ? 143 : 0
}
