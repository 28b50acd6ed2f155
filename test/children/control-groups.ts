/** Control groups as a test sees them: whether this process may make one, and which are left. */
import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs'

/** The folder of the control group (v2) that this process is in, if there is one. */
function ownFolder(): string | undefined {
  const path = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]
  const point = /^\d+ \d+ \S+ \/ (\S+) .* - cgroup2 /m.exec(readFileSync('/proc/self/mountinfo', 'utf8'))?.[1]
  return path === undefined || point === undefined ? undefined : `${point}${path}`
}

/** Whether a program that is started here may make a control group whose members end at once. */
export function mayMakeControlGroups(): boolean {
  const folder = `${ownFolder()}/of-a-test-${process.pid}`
  try {
    mkdirSync(folder)
    const isWhole = readdirSync(folder).includes('cgroup.kill')
    rmdirSync(folder)
    return isWhole
  } catch {
    return false
  }
}

/** The control groups that a gateway has made for its workers, and the one that holds them. */
export function controlGroupsOf(gateway: string): string[] {
  const folder = `${ownFolder()}/mcplex-${gateway.slice(0, 16)}`
  try {
    return [
      '.',
      ...readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : [])),
    ]
  } catch {
    return []
  }
}
