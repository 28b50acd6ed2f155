/** A user of this machine, by name or number. [passwd(5)] */
import { readFileSync } from 'node:fs'

export interface SystemUser {
  readonly name: string
  readonly uid: number
  readonly gid: number
  readonly home: string
}

/** The user; undefined if there is none. @param text the text of /etc/passwd, for tests */
export function systemUser(nameOrNumber: string, text: string = passwd()): SystemUser | undefined {
  for (const line of text.split('\n')) {
    const [name = '', , uid = '', gid = '', , home = ''] = line.split(':')
    // Any other line is none of a user: a missing number must not be taken for that of root.
    if (name === '' || !/^\d+$/.test(uid) || !/^\d+$/.test(gid)) continue
    if (name === nameOrNumber || uid === nameOrNumber) return { name, uid: Number(uid), gid: Number(gid), home }
  }
  return undefined
}

function passwd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8')
  } catch {
    return ''
  }
}
