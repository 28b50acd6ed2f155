/**
 * The log of the command: JSON lines, or pretty ones on a terminal, always on stderr. Secrets and full session ids are
 * removed from every line. If the log cannot be written, lines are lost, and the service goes on.
 */
import { pino, stdSerializers, stdTimeFunctions, type DestinationStream } from 'pino'
import pretty from 'pino-pretty'
import { sessionLabel } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import { terminalSafe } from '../base/terminal-safe.ts'
import type { SecretValues } from '../base/secret-values.ts'
import type { LogSettings } from '../config/log-options.ts'
import { inWords, type LogRecord } from './log-words.ts'
import type { Output } from './output.ts'

/** Names of fields that may hold secrets, at the top level of a log line or one level below. */
const secrets = ['authorization', 'cookie', 'token', 'apiKey', 'password', 'secret', 'env', 'arguments', 'requestState']

/** Fields that programs read, and that hold no text of others. */
const openFields: ReadonlySet<string> = new Set(['level', 'time'])

/**
 * Opens the log on an output.
 * @param isPretty for people rather than programs
 * @param secretValues values that no line shows
 */
export function openLog(
  level: LogSettings['level'],
  isPretty: boolean,
  isColored: boolean,
  output: Output,
  secretValues: SecretValues,
): Log {
  const lines = isPretty ? prettyLines(isColored, output) : output
  const log = createLog(level, { write: (line) => lines.write(secretValues.maskJson(line, openFields)) })
  output.tellLost((lost) => lineOf(isPretty, isColored, { lost }, 'log lines could not be written and are lost'))
  return {
    ...log,
    get lost() {
      return output.lost
    },
  }
}

/** A log line as text. */
function lineOf(isPretty: boolean, isColored: boolean, fields: object, message: string): string {
  let text = ''
  const kept: DestinationStream = { write: (line) => void (text += line) }
  createLog('warn', isPretty ? prettyLines(isColored, kept) : kept).warn({ ...fields }, message)
  return text
}

/** Pretty lines. They hold text of servers and clients, so control characters are removed for the terminal. */
export function prettyLines(isColored: boolean, destination: DestinationStream): DestinationStream {
  const show = pretty.prettyFactory({ colorize: isColored, translateTime: 'SYS:HH:MM:ss', singleLine: true })
  const clean = (_: string, value: unknown): unknown => (typeof value === 'string' ? terminalSafe(value) : value)
  return { write: (line) => destination.write(show(JSON.stringify(inWords(JSON.parse(line, clean) as LogRecord)))) }
}

/** A log into any stream. */
export function createLog(level: LogSettings['level'], destination: DestinationStream): Log {
  const log = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: stdSerializers.err, session: labelOf },
      redact: { paths: secrets.flatMap((name) => [name, `*.${name}`]), censor: '[hidden]' },
    },
    destination,
  )
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
  }
}

function labelOf(session: unknown): unknown {
  return typeof session === 'string' ? sessionLabel(session) : session
}
