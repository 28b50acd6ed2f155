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
import { showFailure } from './show-failure.ts'
import { wantsColor } from './terminal.ts'

type Environment = Readonly<Record<string, string | undefined>>

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
  if (!isLogged && failed.failures.some(({ place }) => place !== undefined)) stderr.write(`${countOf(failed)}\n`)
  if (own.includes('--json')) {
    const errors = failed.failures.map((failure) => ({
      code: failure.code,
      message: failure.message,
      ...notesOf(failure),
    }))
    stdout.write(`${JSON.stringify({ event: 'failed', exit: failed.exit, errors, ...failed.details })}\n`)
  }
  return failed.exit
}

function countOf({ failures: { length } }: CommandFailed): string {
  return `${length} ${length === 1 ? 'error' : 'errors'}. Nothing was started.`
}

function logLine(failure: Failure, exit: number): object {
  const time = new Date(wallMs()).toISOString()
  return { level: 'fatal', time, code: failure.code, exit, ...notesOf(failure), msg: failure.message }
}

/** The place in a file, and the notes by their labels; all remedies are one list, `try`. */
export function notesOf({ notes, place }: Failure): object {
  const ways = notes.filter(([label]) => label === 'try' || label === 'or').map(([, text]) => text)
  const others = notes.filter(([label]) => label !== 'try' && label !== 'or')
  const at = place && { file: place.file, line: place.line, column: place.column }
  return { ...at, ...Object.fromEntries(others), ...(ways.length > 0 && { try: ways }) }
}

/** Rewrites commands in the notes, which begin with `mcplex`, so that they work when pasted into this shell. */
function pasteable(failed: CommandFailed, env: Environment): CommandFailed {
  const name = pasteableName(env)
  const rewrite = (text: string): string =>
    text.replace(/^((?:\w+=\S* )*)mcplex /gm, (_, before: string) => `${before}${name} `)
  return new CommandFailed(
    failed.failures.map((failure) => ({
      ...failure,
      notes: failure.notes.map(
        ([label, text]) => [label, label === 'try' || label === 'or' ? rewrite(text) : text] as const,
      ),
    })),
    failed.details,
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
