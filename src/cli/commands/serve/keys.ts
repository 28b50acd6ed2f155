/**
 * Keys at the terminal: `h` for help, `q` to stop, and Ctrl-C, Ctrl-Z and Ctrl-\, which a terminal in raw mode does not
 * turn into signals. The terminal is in raw mode only while we are in its foreground, as reading from the background
 * would suspend us, and is restored when we are suspended (Ctrl-Z, SIGTSTP) or exit.
 */
import type { Clock, Timer } from '../../../base/clock.ts'
import { isForeground } from '../../process-table.ts'

export interface Keys {
  readonly help: () => void
  readonly stop: () => void
  /** Ctrl-C. */
  readonly interrupt: () => void
}

/** How often to check whether we are in the foreground again: `fg` sends no signal to a process that runs. */
const lookMs = 500

/** Reads keys from stdin; returns a function that stops it, or undefined if stdin is no terminal in the foreground. */
export function listenForKeys(keys: Keys, clock: Clock): (() => void) | undefined {
  const { stdin } = process
  if (!stdin.isTTY || !isForeground()) return undefined
  let waiting: Timer | undefined

  const enterRaw = (): void => {
    stdin.setRawMode(true)
    stdin.resume()
  }
  const restore = (): void => {
    // In the background, other programs use the terminal.
    if (isForeground()) stdin.setRawMode(false)
    stdin.pause()
  }
  const leave = (): void => {
    restore()
    // libuv resets the terminal of an open handle at exit, which suspends us if we are in the background.
    if (!isForeground()) stdin.destroy()
  }
  const suspend = (): void => {
    restore()
    process.kill(process.pid, 'SIGSTOP')
  }
  const continued = (): void => {
    waiting?.stop()
    waiting = undefined
    if (isForeground()) enterRaw()
    else waiting = clock.after(lookMs, continued)
  }
  /** Sends a signal to the whole foreground group as the terminal does: a runner above us needs it, too. */
  const asTerminal = (signal: 'SIGTSTP' | 'SIGQUIT'): void => {
    restore()
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
  // If the terminal goes away, SIGHUP follows, which is handled elsewhere.
  stdin.on('error', () => {})
  process.on('SIGTSTP', suspend)
  process.on('SIGCONT', continued)
  process.once('exit', leave)
  enterRaw()
  return () => {
    waiting?.stop()
    process.off('exit', leave)
    process.off('SIGTSTP', suspend)
    process.off('SIGCONT', continued)
    stdin.off('data', listener)
    restore()
  }
}
