/**
 * Closes descriptors that leaked into our process from its parent and would leak into every child.
 *
 * At its start Node sets close-on-exec on the low descriptors, but stops at the first gap above 15. Descriptors still
 * without that flag are leaked ones: Node sets it on everything that it opens. On macOS children do not inherit such
 * descriptors in the first place.
 */
import { closeSync, readFileSync, readdirSync } from 'node:fs'

/** `O_CLOEXEC` as Linux spells it in `/proc`. */
const closeOnExec = 0o2000000

/**
 * Closes them, on Linux; returns how many. For the command, at its very start, and never for the library: an addon of
 * the program may hold such a descriptor on purpose.
 * @param passed descriptors that were passed to us on purpose, which stay open
 */
export function closeLeakedFds(passed: ReadonlySet<number> = new Set()): number {
  if (process.platform !== 'linux') return 0
  let closed = 0
  for (const name of list()) {
    const descriptor = Number(name)
    if (descriptor <= 2 || passed.has(descriptor) || !leaks(name)) continue
    closeSync(descriptor)
    closed += 1
  }
  return closed
}

function list(): string[] {
  try {
    return readdirSync('/proc/self/fd')
  } catch {
    return []
  }
}

function leaks(name: string): boolean {
  try {
    const flags = /^flags:\s+([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${name}`, 'utf8'))?.[1]
    return flags !== undefined && (Number.parseInt(flags, 8) & closeOnExec) === 0
  } catch {
    // It was the descriptor of the listing itself.
    return false
  }
}
