/**
 * What SIGHUP means. It ends a command whose terminal was closed, unless it was started with `nohup`. Without a terminal
 * it is a common request to daemons to reload their settings, and must not end us.
 */
import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { statOf } from '../base/proc-stat.ts'
import { ignoresHangup } from './process-table.ts'

export type SighupAction = 'end' | 'nohup' | 'no terminal'

type Environment = Readonly<Record<string, string | undefined>>

/** More ancestors than any process has. */
const maxAncestors = 64

/** To be called at the start: later the terminal may be gone. */
export function sighupAction(env: Environment): SighupAction {
  if (!hasControllingTerminal()) return 'no terminal'
  return isNohup(env) ? 'nohup' : 'end'
}

/** Whether we have a controlling terminal, on stdin or not. */
function hasControllingTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return true
  } catch {
    return false
  }
}

/**
 * Whether we were started so that a hangup would not end us. Node resets the signal to its default before our code runs,
 * so this looks for other signs: the shell names the started command in `_`; `nohup` of GNU opens /dev/null for writing
 * as stdin; an ancestor in our session ignores the signal.
 */
function isNohup(env: Environment): boolean {
  return basename(env['_'] ?? '') === 'nohup' || isStdinUnreadable() || isIgnoredAbove()
}

function isStdinUnreadable(): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync('/proc/self/fdinfo/0', 'utf8'))?.[1] ?? '0'
    return readlinkSync('/proc/self/fd/0') === '/dev/null' && (Number.parseInt(flags, 8) & 3) === 1
  } catch {
    return false
  }
}

function isIgnoredAbove(): boolean {
  const own = statOf('self')
  let pid = own?.parent ?? 0
  for (let count = 0; pid > 0 && count < maxAncestors; count++) {
    const stat = statOf(pid)
    if (stat === undefined || stat.session !== own?.session) return false
    if (ignoresHangup(pid)) return true
    pid = stat.parent
  }
  return false
}
