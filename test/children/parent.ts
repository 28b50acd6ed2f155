/** A process of its own that starts children (parent.mjs), to be killed with all of them. */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { runs, until } from './processes.ts'

export interface Parent {
  readonly pid: number
  /** The ids that the children have said, one on a line. */
  readonly family: readonly number[]
  /** All that was said so far. */
  lines(): readonly string[]
}

export interface ParentNeeds {
  /** What to do once a child is ready: to exit without a word to the children, or to close them. */
  readonly then?: 'exit' | 'close'
  readonly children?: number
  readonly mayUseControlGroups?: boolean
  /** Further descriptors to inherit. */
  readonly descriptors?: ReadonlyArray<'pipe' | 'ignore'>
  /** What runs in front of it, such as `prlimit`. */
  readonly before?: readonly string[]
}

/** Starts it with a script of `sh` for its children; resolves when each of them has said `ready`. */
export async function startParent(script: string, needs: ParentNeeds = {}): Promise<Parent> {
  const { then = '', children = 1, mayUseControlGroups = false, descriptors = [], before = [] } = needs
  const file = join(import.meta.dirname, 'parent.mjs')
  const own = [script, then, String(children), String(mayUseControlGroups)]
  const [command = '', ...args] = [...before, process.execPath, file, ...own]
  const parent = spawn(command, args, {
    env: { PATH: process.env['PATH'], SECRET: 'for the gateway only' },
    stdio: ['ignore', 'pipe', 'inherit', ...descriptors],
  })
  const pid = parent.pid ?? 0
  const pids = [pid]
  onTestFinished(() => {
    for (const each of pids) if (runs(each)) process.kill(each, 'SIGKILL')
  })
  let said = ''
  parent.stdout?.on('data', (chunk: Buffer) => void (said += String(chunk)))
  await until('the children are ready', () => said.split('ready\n').length > children)
  const lines = (): string[] => said.split('\n')
  const family = lines()
    .filter((line) => /^\d+$/.test(line))
    .map(Number)
  pids.push(...family)
  return { pid, family, lines }
}
