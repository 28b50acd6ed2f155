/**
 * Requests to stop, from all sources: signals of the system and the keyboard, a closed terminal, and the end of the
 * package runner that started us.
 */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { sighupAction } from './sighup.ts'
import { detachLostOutputs, terminalsAtStart } from './detached-terminal.ts'
import { isUnderRunner, runnersAbove, watchEnd } from './package-runner.ts'
import { openProcessTable } from './process-table.ts'

/** `end`: the client has closed stdin. `runner`: the npx, npm or the like that started us has ended. `operator`: `mcplex drain`. */
export type StopReason = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'key' | 'end' | 'runner' | 'operator'

export interface Stop {
  /** Resolves upon the first request to stop. */
  readonly asked: Promise<StopReason>
  /** Resolves upon the second request, by a signal or a key: then everything is to end at once. */
  readonly again: Promise<StopReason>
  /** The second request; undefined until it comes. */
  readonly second: StopReason | undefined
  ask(reason: StopReason): void
}

export interface StopNeeds {
  readonly clock: Clock
  readonly log: Log
  readonly env: Readonly<Record<string, string | undefined>>
  /** Called for a SIGHUP that is no request to stop; without it, the log says that it is ignored. */
  readonly onReload?: (() => void) | undefined
}

/** A runner above us (npx) may forward a signal that the terminal has sent to both: that is one request. */
const echoMs = 250

/** A closed terminal sends the runner the same signal as us: wait for ours, in case the runner ends first. */
const hangupMs = 100

/** These never count as a second request: a closed terminal sends SIGHUP twice, and ends the runner, too; a drain is asked for as often as one likes. */
const neverSecond: ReadonlySet<StopReason> = new Set(['SIGHUP', 'runner', 'operator'])

/** Listens for signals, and for the end of the package runner above us, from now on. */
export function listenForSignals({ clock, log, env, onReload }: StopNeeds): Stop {
  let first: number | undefined
  let second: StopReason | undefined
  let resolveAsked: (reason: StopReason) => void
  let resolveAgain: (reason: StopReason) => void
  const asked = new Promise<StopReason>((resolve) => (resolveAsked = resolve))
  const again = new Promise<StopReason>((resolve) => (resolveAgain = resolve))
  const ask = (reason: StopReason): void => {
    if (first === undefined) {
      // After a drain that an operator has begun, the signal of a service manager is the first one, and cuts nothing.
      if (reason !== 'operator') first = clock.now()
      resolveAsked(reason)
    } else if (!neverSecond.has(reason) && clock.now() - first >= echoMs) {
      second ??= reason
      resolveAgain(second)
    }
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
    if (onReload && hangup === 'no terminal') return onReload()
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
  return {
    asked,
    again,
    get second() {
      return second
    },
    ask,
  }
}

/** The exit code after a drain, or after an immediate end if `isCut`. */
export function exitCode(reason: StopReason, isCut: boolean): number {
  if (reason === 'SIGINT') return 130
  return isCut && reason === 'SIGTERM' ? 143 : 0
}
