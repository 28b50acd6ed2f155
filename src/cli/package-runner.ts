/**
 * The package runner that started us: `npx`, `npm run` or the like. A runner stays as our grandparent and does not
 * forward the signals that end it, so we stop when it ends: otherwise we would live on and keep the port.
 *
 * The chain is the runner, a shell, ourselves. After `kill -9` of the runner the shell lives on and our parent does not
 * change; after SIGTERM in a container, where the runner is process 1, the shell ends first. So both are watched.
 * Runners in another session (`setsid`, a new terminal) are ignored: programs use that to outlive their parent.
 */
import type { Clock, Timer } from '../base/clock.ts'
import type { ProcessEntry, ProcessTable } from './process-table.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Variables that runners set for the programs that they start. */
const marks = ['npm_execpath', 'npm_lifecycle_event', 'npm_command', 'npm_config_user_agent']

const runnerNames: ReadonlySet<string> = new Set([
  ...['npm', 'npx', 'npm-cli', 'npx-cli', 'pnpm', 'pnpx', 'yarn', 'yarnpkg', 'bun', 'bunx'],
])
const engines: ReadonlySet<string> = new Set(['node', 'nodejs', 'bun'])

/** More ancestors than any process has: bounds the walk over an inconsistent table. */
const maxAncestors = 64

/** How often the runner is checked, in milliseconds. */
const lookMs = 500

/** Whether a runner has started us, by the environment. */
export function isUnderRunner(env: Environment): boolean {
  return marks.some((name) => (env[name] ?? '') !== '')
}

/**
 * Every runner above a process, in its session, and for each the process below it in the chain: when one of them ends,
 * we stop. Empty if there is none, or if a process in between has ended already, as in `mcplex serve &`.
 */
export function runnersAbove(pid: number, table: Pick<ProcessTable, 'find'>): ProcessEntry[] {
  const found: ProcessEntry[] = []
  let below = table.find(pid)
  const session = below?.session
  for (let count = 0; below !== undefined && count < maxAncestors; count++) {
    const above = table.find(below.parent)
    if (above === undefined || above.session !== session) break
    if (isRunner(above.command)) found.push(...(below.pid === pid ? [above] : [below, above]))
    below = above
  }
  return found
}

/** Calls `ended` once when the first of `entries` has ended; never if there are none. */
export function watchEnd(
  entries: readonly ProcessEntry[],
  { runs }: Pick<ProcessTable, 'runs'>,
  clock: Clock,
  ended: () => void,
): Timer {
  if (entries.length === 0) return { stop() {} }
  const timer = clock.every(lookMs, () => {
    if (entries.every(runs)) return
    timer.stop()
    ended()
  })
  return timer
}

/** True for `npm exec x` (npm sets its title so) and `node /usr/lib/node_modules/npm/bin/npx-cli.js x`. */
function isRunner(command: string): boolean {
  const [first = '', ...rest] = command.split(' ')
  if (runnerNames.has(nameOf(first))) return true
  return engines.has(nameOf(first)) && runnerNames.has(nameOf(rest.find((word) => !word.startsWith('-')) ?? ''))
}

/** The last part of a path, without `.js`, `.cjs` or `.mjs`. */
function nameOf(path: string): string {
  return (path.split('/').at(-1) ?? '').replace(/\.[cm]?js$/, '')
}
