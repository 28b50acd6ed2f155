/**
 * Keys of a person at the terminal: `h` for help, `q` to stop, and those that a terminal which hands over single keys
 * no longer turns into signals. Takes the terminal only while we are in its foreground, as reading it from the
 * background would suspend us, and gives it back as it was when we are suspended (Ctrl-Z, SIGTSTP) or end.
 */
import type { Clock, Timer } from '../../../base/clock.ts'
import { isForeground } from '../../process-table.ts'

export interface Keys {
  readonly help: () => void
  readonly stop: () => void
  /** Ctrl-C. */
  readonly interrupt: () => void
}

/** How often a shell is asked whether it has put us into the foreground again: `fg` tells nothing to one that runs. */
const lookMs = 500

/** Listens for keys on stdin; returns how to stop, or undefined if there is no terminal to type at. */
export function listenForKeys(keys: Keys, clock: Clock): (() => void) | undefined {
  const { stdin } = process
  if (!stdin.isTTY || !isForeground()) return undefined
  let waiting: Timer | undefined

  const take = (): void => {
    stdin.setRawMode(true)
    stdin.resume()
  }
  const giveBack = (): void => {
    // From the background it would be the terminal of others that is set.
    if (isForeground()) stdin.setRawMode(false)
    stdin.pause()
  }
  const leave = (): void => {
    giveBack()
    // libuv sets the terminal of an open handle once more at the very end, which in the background suspends us.
    if (!isForeground()) stdin.destroy()
  }
  const suspend = (): void => {
    giveBack()
    process.kill(process.pid, 'SIGSTOP')
  }
  const continued = (): void => {
    waiting?.stop()
    waiting = undefined
    if (isForeground()) take()
    else waiting = clock.after(lookMs, continued)
  }
  /** What the terminal would have sent to its whole foreground group: a runner in front of us has to hear it as well. */
  const asTerminal = (signal: 'SIGTSTP' | 'SIGQUIT'): void => {
    giveBack()
    process.kill(0, signal)
  }
  const listener = (typed: string): void => {
    for (const key of typed) {
      if (key === 'h' || key === '?') keys.help()
      else if (key === 'q') keys.stop()
      else if (key === '\u0003') keys.interrupt()
      else if (key === '\u001a') asTerminal('SIGTSTP')
      else if (key === '\u001c') asTerminal('SIGQUIT')
    }
  }

  stdin.setEncoding('utf8')
  stdin.on('data', listener)
  // A terminal that goes away under the reader: what that means, SIGHUP says.
  stdin.on('error', () => {})
  process.on('SIGTSTP', suspend)
  process.on('SIGCONT', continued)
  process.once('exit', leave)
  take()
  return () => {
    waiting?.stop()
    process.off('exit', leave)
    process.off('SIGTSTP', suspend)
    process.off('SIGCONT', continued)
    stdin.off('data', listener)
    giveBack()
  }
}
