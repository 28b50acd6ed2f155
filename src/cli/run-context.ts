/** What every verb that runs for long sets up first: its log, and word of errors that nobody caught. */
import type { Log } from '../base/log.ts'
import type { LogSettings } from '../config/log-options.ts'
import type { Environment } from '../config/environment.ts'
import { openLog } from './log.ts'
import type { Output } from './output.ts'
import { wantsColor } from './terminal.ts'
import type { OutputOptions } from './commands/output-options.ts'

export interface RunContext {
  readonly log: Log
  readonly isPretty: boolean
  readonly isColored: boolean
}

/** Opens the log as it was asked for. What node warns of becomes a line of it. */
export function openRunContext(
  outputOptions: OutputOptions,
  settings: LogSettings,
  machine: Environment,
  stderr: Output,
): RunContext {
  const isPretty = settings.format === 'pretty' || (settings.format === 'auto' && stderr.isTTY)
  const isColored = wantsColor(machine.env, stderr, outputOptions.isColorOff)
  const log = openLog(levelOf(outputOptions, settings.level), isPretty, isColored, stderr)
  process.removeAllListeners('warning')
  process.on('warning', (warning) => log.warn({ err: warning }, 'node warns'))
  process.on('SIGUSR1', () => log.info({}, 'SIGUSR1 ignored: the inspector opens with node --inspect only'))
  return { log, isPretty, isColored }
}

/** Says to somebody who typed the command that it waits for a program, and not for what is typed next. */
export function tellPeople(stderr: Output): void {
  if (!process.stdin.isTTY) return
  stderr.write('mcplex speaks MCP on stdin and stdout now: a client is meant to start this command. Ctrl-D ends it.\n')
}

/** Faults that are logged; what comes beyond them is of the same kinds. */
const maxLogged = 100

/**
 * Rejects with the first error that nothing caught: the code that it passed through was left in its middle, so the
 * command ends. A promise that was rejected and not awaited has left nothing in its middle: it is logged, and what it was
 * for is all that it ends.
 */
export function firstBug(log: Log): Promise<never> {
  let logged = 0
  process.on('unhandledRejection', (reason) => {
    if (++logged <= maxLogged) log.error({ err: reason }, 'a fault that nothing waited for; the service goes on')
  })
  const bug = new Promise<never>((_, reject) => void process.on('uncaughtException', reject))
  // Whoever races against it may be done already.
  bug.catch(() => {})
  return bug
}

function levelOf(outputOptions: OutputOptions, level: LogSettings['level']): LogSettings['level'] {
  if (outputOptions.isQuiet) return 'error'
  return outputOptions.isVerbose ? 'debug' : level
}
