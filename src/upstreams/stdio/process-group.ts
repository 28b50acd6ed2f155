/**
 * Process groups: signals to all processes of a group, whether any is left, and signals to single processes that have
 * left theirs. The id of a group is the process id of its leader, which began it.
 *
 * The kernel does not reuse an id while the group has members, so a signal to a group that existed a moment ago cannot
 * hit another one. Callers forget an id once its group is gone. Windows has no groups: only the leader is signalled.
 */
import { isRunning, type KnownProcess } from '../../base/proc-stat.ts'

const grouped = process.platform !== 'win32'

/** Sends `signal` to every process of the group. No error if the group is gone or not ours. */
export function signalGroup(pgid: number, signal: 'SIGTERM' | 'SIGCONT' | 'SIGKILL'): void {
  send(pgid, signal)
}

/** Whether a process of the group is left. Processes that their parent has not collected yet count. */
export function groupExists(pgid: number): boolean {
  return send(pgid, 0)
}

/** Whether this system can start children in a group of their own. */
export function hasGroups(): boolean {
  return grouped
}

/**
 * Sends `signal` to exactly this process, if it still runs and we may signal it.
 *
 * Between the check and the signal its id could in theory be freed and reused, within microseconds. Only a pidfd closes
 * that gap, which Node cannot open.
 */
export function signalProcess(known: KnownProcess, signal: NodeJS.Signals): void {
  if (!isRunning(known)) return
  try {
    process.kill(known.pid, signal)
  } catch {
    // It has ended, or runs as another user now.
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
