/**
 * Process groups: signals to all processes of one, and whether any is left; and signals to single processes that have
 * left theirs. The id of a group is the process id of the one that began it, its leader.
 *
 * A kernel does not give an id away while a group has members, so signalling a group that was there a moment ago hits
 * nobody else; who holds an id forgets it once the group is gone. Windows has no groups: only the leader is signalled.
 */

import { isRunning, type KnownProcess } from '../../base/proc-stat.ts'

const grouped = process.platform !== 'win32'

/** Sends `signal` to every process of the group. A group that is gone, or not ours, is no error. */
export function signalGroup(pgid: number, signal: 'SIGTERM' | 'SIGCONT' | 'SIGKILL'): void {
  send(pgid, signal)
}

/** Whether a process of the group is left. One that was not yet collected by its parent counts. */
export function groupExists(pgid: number): boolean {
  return send(pgid, 0)
}

/** Whether children can be started in a group of their own here. */
export function hasGroups(): boolean {
  return grouped
}

/**
 * Sends `signal` to exactly this process, if it still runs and is ours to signal.
 *
 * Between the look and the signal lie microseconds, in which its id would have to become free and be given away again.
 * Only a file descriptor of the process closes that gap, which Node cannot open.
 */
export function signalProcess(known: KnownProcess, signal: NodeJS.Signals): void {
  if (!isRunning(known)) return
  try {
    process.kill(known.pid, signal)
  } catch {
    // It ended, or has another user now.
  }
}

function send(pgid: number, signal: 'SIGTERM' | 'SIGCONT' | 'SIGKILL' | 0): boolean {
  try {
    process.kill(grouped ? -pgid : pgid, signal)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
