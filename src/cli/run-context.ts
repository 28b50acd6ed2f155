/** What long-running verbs set up first: the log, and the handling of uncaught errors. */
import type { Log } from '../base/log.ts'
import { SecretValues } from '../base/secret-values.ts'
import type { LogSettings } from '../config/log-options.ts'
import type { Environment } from '../config/environment.ts'
import { isOfModule } from '../gateway/gateway.ts'
import { openLog } from './log.ts'
import type { Output } from './output.ts'
import { wantsColor } from './terminal.ts'
import type { OutputOptions } from './commands/output-options.ts'

export interface RunContext {
  readonly log: Log
  readonly isPretty: boolean
  readonly isColored: boolean
}

/** Opens the log, which shows none of the secret values. Warnings of Node become log lines. */
export function openRunContext(
  outputOptions: OutputOptions,
  settings: LogSettings,
  machine: Environment,
  stderr: Output,
  secretValues: SecretValues = new SecretValues(),
): RunContext {
  const isPretty = settings.format === 'pretty' || (settings.format === 'auto' && stderr.isTTY)
  const isColored = wantsColor(machine.env, stderr, outputOptions.isColorOff)
  const log = openLog(levelOf(outputOptions, settings.level), isPretty, isColored, stderr, secretValues)
  process.removeAllListeners('warning')
  process.on('warning', (warning) => log.warn({ err: warning }, 'node warns'))
  process.on('SIGUSR1', () => log.info({}, 'SIGUSR1 ignored: the inspector opens with node --inspect only'))
  return { log, isPretty, isColored }
}

/** Tells a user at a terminal that the command expects a program, and no typing, on stdin. */
export function tellPeople(stderr: Output): void {
  if (!process.stdin.isTTY) return
  stderr.write('mcplex speaks MCP on stdin and stdout now: a client is meant to start this command. Ctrl-D ends it.\n')
}

/** The most rejections that are logged. */
const maxLogged = 100

/**
 * Rejects with the first uncaught exception: it may have interrupted code anywhere, so the command ends. An unhandled
 * rejection has interrupted nothing else: it is logged, and the service goes on. So it does if the error is of a module, whose
 * server object is ended.
 */
export function firstBug(log: Log): Promise<never> {
  let logged = 0
  process.on('unhandledRejection', (reason) => {
    if (isOfModule(reason)) return
    if (++logged <= maxLogged) log.error({ err: reason }, 'an unhandled rejection; the service goes on')
  })
  const bug = new Promise<never>((_, reject) => {
    process.on('uncaughtException', (error) => {
      if (!isOfModule(error)) reject(error)
    })
  })
  // The races against it may be over when it rejects.
  bug.catch(() => {})
  return bug
}

function levelOf(outputOptions: OutputOptions, level: LogSettings['level']): LogSettings['level'] {
  if (outputOptions.isQuiet) return 'error'
  return outputOptions.isVerbose ? 'debug' : level
}
