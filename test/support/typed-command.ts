/** The real command as a user types it: any words, any environment, with what it printed and how it ended. */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { until } from '../children/processes.ts'

const built = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js')
const fixtures = join(import.meta.dirname, '..', 'fixtures')

/** The command line of a server of the fixtures. */
export function fixture(name: string): string[] {
  return [process.execPath, join(fixtures, name)]
}

export interface Running {
  readonly child: ChildProcess
  readonly pid: number
  stdout(): string
  stderr(): string
  /** The lines of its log, parsed. */
  log(): Array<Record<string, unknown>>
  /** The object of the first line of stdout. */
  ready(): Promise<Record<string, unknown>>
  /** How it ended: its exit code. Ends it if it does not within 20 seconds. */
  exit(): Promise<number | null>
}

/**
 * Runs it with an environment of nothing but PATH, HOME and `env`.
 * @param where where it runs, and what it reads at /dev/fd/3; the file of the command, if another one than that of the build
 */
export function runCommand(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  where: string | { readonly cwd: string; readonly passed?: string } = built,
): Running {
  const { PATH = '', HOME = '' } = process.env
  const { main, cwd, passed } = typeof where === 'string' ? { main: where } : { main: built, ...where }
  const child = spawn(process.execPath, [main, ...args], {
    cwd,
    env: { PATH, HOME, ...env },
    stdio: ['ignore', 'pipe', 'pipe', passed === undefined ? 'ignore' : 'pipe'],
  })
  const pipe = child.stdio[3]
  if (pipe && 'end' in pipe) pipe.end(passed)
  let stdout = ''
  let stderr = ''
  let code: number | null | undefined
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.once('close', (exit) => (code = exit))
  return {
    child,
    pid: child.pid ?? 0,
    stdout: () => stdout,
    stderr: () => stderr,
    log: () =>
      stderr
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Record<string, unknown>),
    async ready() {
      await until(`first line of ${args.join(' ')}`, () => stdout.includes('\n') || code !== undefined)
      return JSON.parse(stdout.slice(0, stdout.indexOf('\n'))) as Record<string, unknown>
    },
    async exit() {
      const end = setTimeout(() => child.kill('SIGKILL'), 20_000)
      if (code === undefined) await new Promise((resolve) => child.once('close', resolve))
      clearTimeout(end)
      return code ?? null
    },
  }
}
