/** Who asked us to stop, and how urgently: signals of the system and of the keyboard as one thing. */
import type { Clock } from '../base/clock.ts'

/** `end`: whoever speaks to us through pipes has closed them. */
export type StopReason = 'SIGTERM' | 'SIGINT' | 'key' | 'end'

export interface Stop {
  /** Resolves when somebody asks first. */
  readonly asked: Promise<StopReason>
  /** Resolves when somebody asks again. */
  readonly again: Promise<StopReason>
  ask(reason: StopReason): void
}

/** A runner in front of us (npx) may pass on a signal that the terminal has sent to both: that is one request, not two. */
const echoMs = 250

/** Listens for SIGTERM and SIGINT from now on. */
export function listenForSignals(clock: Clock): Stop {
  let first: number | undefined
  let resolveAsked: (reason: StopReason) => void
  let resolveAgain: (reason: StopReason) => void
  const asked = new Promise<StopReason>((resolve) => (resolveAsked = resolve))
  const again = new Promise<StopReason>((resolve) => (resolveAgain = resolve))
  const ask = (reason: StopReason): void => {
    if (first === undefined) {
      first = clock.now()
      resolveAsked(reason)
    } else if (clock.now() - first >= echoMs) resolveAgain(reason)
  }
  process.on('SIGTERM', () => ask('SIGTERM'))
  process.on('SIGINT', () => ask('SIGINT'))
  return { asked, again, ask }
}

/** The exit code after a drain (or at once, `isCut`). */
export function exitCode(reason: StopReason, isCut: boolean): number {
  if (reason === 'SIGINT') return 130
  return isCut && reason === 'SIGTERM' ? 143 : 0
}
