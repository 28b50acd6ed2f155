/** Where our own control group (v2) is. `mcplex-self` is the child that control-group-limits.ts moves us into. */
import { readFileSync } from 'node:fs'

/** The folder of our control group, or of its parent if we have moved into a child of it; undefined without v2. */
export function ownGroup(): string | undefined {
  try {
    const path = /^0::(\/.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
    for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
      const [place = '', kind = ''] = line.split(' - ')
      const [, , , root = '', point = ''] = place.split(' ')
      if (!kind.startsWith('cgroup2 ') || path === undefined || path.startsWith('/..')) continue
      const base = root === '/' ? '' : root
      if (path === base || path.startsWith(`${base}/`))
        return `${unescaped(point)}${path.slice(base.length)}`.replace(/\/mcplex-self$/, '').replace(/\/$/, '')
    }
  } catch {
    // No such files: not Linux.
  }
  return undefined
}

/** The kernel writes blanks and the like in octal. */
function unescaped(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}
