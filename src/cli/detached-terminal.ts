/**
 * A terminal that is no longer ours while we still run. One that was closed cannot be written to, and Node (20 at least)
 * ends with SIGABRT instead of our exit code when it cannot reset it. One that the shell has taken back (Ctrl-Z, `bg`)
 * suspends whoever sets it, at the very end too, or is set under the shell's feet. So its descriptors become /dev/null.
 */
import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'
import { isForeground } from './process-table.ts'

/** Which of stdin, stdout and stderr are terminals now: to be asked at the start. */
export function terminalsAtStart(): readonly number[] {
  return [0, 1, 2].filter((descriptor) => isatty(descriptor))
}

/** Gives up the output of a terminal that is gone, so that what is written from now on does no harm. */
export function detachLostOutputs(terminals: readonly number[]): void {
  leave(terminals.filter((descriptor) => descriptor > 0 && !isatty(descriptor)))
}

/** Gives up every terminal that is not ours now. For the very end: nothing may be read or written after it. */
export function detachLostTerminals(terminals: readonly number[]): void {
  const isOurs = isForeground()
  leave(terminals.filter((descriptor) => !isOurs || !isatty(descriptor)))
}

function leave(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) {
    closeSync(descriptor)
    // The lowest free number is taken, which is the one that was given up.
    const opened = openSync('/dev/null', 'r+')
    if (opened !== descriptor) closeSync(opened)
  }
}
