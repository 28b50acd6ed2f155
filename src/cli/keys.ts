/**
 * Keys of a person at the terminal: `h` for help, `q` to stop. Takes the terminal only if we are in its foreground,
 * as reading it from the background would suspend us.
 */
import { procStat } from './process-table.ts'

export interface Keys {
  readonly help: () => void
  readonly stop: () => void
  /** Ctrl-C, which a terminal that hands over single keys no longer turns into a signal. */
  readonly interrupt: () => void
}

/** Listens for keys on stdin; returns how to stop, or undefined if nobody can type here. */
export function listenForKeys(keys: Keys): (() => void) | undefined {
  const { stdin } = process
  if (!stdin.isTTY || !isForeground()) return undefined
  const listener = (typed: string): void => {
    for (const key of typed) {
      if (key === 'h' || key === '?') keys.help()
      else if (key === 'q') keys.stop()
      else if (key === '\u0003') keys.interrupt()
    }
  }
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  stdin.on('data', listener)
  const restore = (): void => void stdin.setRawMode(false)
  process.once('exit', restore)
  return () => {
    process.off('exit', restore)
    stdin.off('data', listener)
    stdin.setRawMode(false)
    stdin.pause()
  }
}

/** Whether the terminal is ours. Where that cannot be told (no /proc), it is taken to be. */
function isForeground(): boolean {
  const stat = procStat('self')
  return stat === undefined || stat.group === stat.foreground
}
