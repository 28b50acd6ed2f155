/**
 * Descriptors that leaked into our process from whoever started it, and would leak on into every child.
 *
 * Node marks the low ones at its start so that children do not get them, but stops at the first gap above 15. What is
 * still unmarked after that is nobody's: Node opens everything of its own marked. macOS does not hand such descriptors
 * to children in the first place.
 */
import { closeSync, readFileSync, readdirSync } from 'node:fs'

/** `O_CLOEXEC` as Linux spells it in `/proc`. */
const closeOnExec = 0o2000000

/**
 * Closes them, on Linux; returns how many. For a command that owns its process, at its very start, and never for a
 * library: an addon may hold such a descriptor on purpose.
 * @param passed descriptors that were handed to us on purpose, which stay open
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
    // It was the one that listed them.
    return false
  }
}
