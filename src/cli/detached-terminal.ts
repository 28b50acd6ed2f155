/**
 * Handles a terminal that is no longer ours while we still run. A closed terminal cannot be written to, and Node (20 at
 * least) aborts with SIGABRT instead of our exit code when it cannot reset it at exit. A terminal that the shell has
 * taken back (Ctrl-Z, `bg`) suspends a background process that changes its mode, also at exit, or is changed while the
 * shell uses it. So our descriptors of it are replaced by /dev/null.
 */
import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'
import { isForeground } from './process-table.ts'

/** Which of stdin, stdout and stderr are terminals. To be called at the start. */
export function terminalsAtStart(): readonly number[] {
  return [0, 1, 2].filter((descriptor) => isatty(descriptor))
}

/** Replaces stdout and stderr on a closed terminal by /dev/null, so that later writes do no harm. */
export function detachLostOutputs(terminals: readonly number[]): void {
  leave(terminals.filter((descriptor) => descriptor > 0 && !isatty(descriptor)))
}

/** Replaces every terminal that is not ours now by /dev/null. For the exit: nothing may be read or written after it. */
export function detachLostTerminals(terminals: readonly number[]): void {
  const isOurs = isForeground()
  leave(terminals.filter((descriptor) => !isOurs || !isatty(descriptor)))
}

function leave(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) {
    closeSync(descriptor)
    // `open` takes the lowest free number, which is the one just closed.
    const opened = openSync('/dev/null', 'r+')
    if (opened !== descriptor) closeSync(opened)
  }
}
