/**
 * Reports the failures that end the command: as text, or as log lines where the log is JSON; with `--json` also as one
 * object on stdout.
 */
import pc from 'picocolors'
import { wallMs } from '../base/clock.ts'
import { ConfigError } from '../config/problem.ts'
import { CommandFailed, type Failure } from './failures.ts'
import { isJsonLog, ownWords } from './log-format.ts'
import type { Outputs } from './outputs.ts'
import { pasteableName } from './own-command.ts'
import { wantsColor } from './terminal.ts'

type Environment = Readonly<Record<string, string | undefined>>
type Colors = ReturnType<typeof pc.createColors>

/**
 * @param typed the command line as typed: parsing it may be what failed, so its flags are searched directly
 * @returns the exit code
 */
export function report(
  error: unknown,
  typed: readonly string[],
  env: Environment,
  { stdout, stderr }: Outputs,
): number {
  const failed = pasteable(asFailed(error), env)
  const own = ownWords(typed)
  const colors = pc.createColors(wantsColor(env, stderr, own.includes('--no-color')))
  const isLogged = isJsonLog(typed, env, stderr.isTTY)
  for (const failure of failed.failures)
    stderr.write(isLogged ? `${JSON.stringify(logLine(failure, failed.exit))}\n` : showFailure(failure, colors))
  if (own.includes('--json')) {
    const errors = failed.failures.map((failure) => ({
      code: failure.code,
      message: failure.message,
      ...notesOf(failure),
    }))
    stdout.write(`${JSON.stringify({ event: 'failed', exit: failed.exit, errors })}\n`)
  }
  return failed.exit
}

function logLine(failure: Failure, exit: number): object {
  const time = new Date(wallMs()).toISOString()
  return { level: 'fatal', time, code: failure.code, exit, ...notesOf(failure), msg: failure.message }
}

/** The notes by their labels; all remedies are one list, `try`. */
function notesOf({ notes }: Failure): object {
  const ways = notes.filter(([label]) => label === 'try' || label === 'or').map(([, text]) => text)
  const others = notes.filter(([label]) => label !== 'try' && label !== 'or')
  return { ...Object.fromEntries(others), ...(ways.length > 0 && { try: ways }) }
}

/** Rewrites commands in the notes, which begin with `mcplex`, so that they work when pasted into this shell. */
function pasteable(failed: CommandFailed, env: Environment): CommandFailed {
  const name = pasteableName(env)
  const rewrite = (text: string): string =>
    text.replace(/^((?:[A-Z_]+=\S* )*)mcplex /, (_, before: string) => `${before}${name} `)
  return new CommandFailed(
    failed.failures.map((failure) => ({
      ...failure,
      notes: failure.notes.map(
        ([label, text]) => [label, label === 'try' || label === 'or' ? rewrite(text) : text] as const,
      ),
    })),
  )
}

function asFailed(error: unknown): CommandFailed {
  if (error instanceof CommandFailed) return error
  if (error instanceof ConfigError) return new CommandFailed(error.problems)
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const failure: Failure = {
    code: 'internal',
    message: 'an unexpected error ended mcplex; the server processes were ended with it',
    notes: [['stack', stack]],
  }
  return new CommandFailed([failure])
}

/** A failure as text for the terminal: what happened, where, why it matters, what to do. Ends with a line break. */
function showFailure({ code, message, notes }: Failure, colors: Colors): string {
  const head = `${colors.red('error')} ${colors.bold(code)}   ${message}\n`
  return head + notes.map(([label, text]) => `      ${colors.dim(label.padEnd(9))} ${indent(text)}\n`).join('')
}

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .join(`\n${' '.repeat(16)}`)
}
