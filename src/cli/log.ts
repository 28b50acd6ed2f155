/**
 * The log of the command: JSON lines, or pretty ones on a terminal, always on stderr. Sees to it that no secret and no
 * whole session id gets through, whoever logs it, and that a log pipe that is stuck costs lines and not the service.
 */
import { createHash } from 'node:crypto'
import { pino, stdSerializers, stdTimeFunctions, type DestinationStream } from 'pino'
import pretty from 'pino-pretty'
import type { Log } from '../base/log.ts'
import { printable } from '../base/printable.ts'
import type { LogSettings } from '../config/log-options.ts'

export interface CommandLog extends Log {
  /** Writes out what is still held. */
  flush(): void
}

/** Bytes of log lines that wait for a reader; beyond that lines are dropped. */
const maxWaiting = 1024 ** 2

/** Names under which secrets travel, at the top of a log line or one level below. */
const secrets = ['authorization', 'cookie', 'token', 'apiKey', 'password', 'secret', 'env', 'arguments', 'requestState']

/**
 * Opens the log on stderr.
 * @param isPretty for people rather than programs
 */
export function openLog(level: LogSettings['level'], isPretty: boolean, isColored: boolean): CommandLog {
  const destination = isPretty
    ? prettyLines(isColored, 2)
    : pino.destination({ dest: 2, sync: false, maxLength: maxWaiting })
  return createLog(level, destination)
}

/**
 * Lines for people. What servers and clients say ends up in them, and must not steer the terminal that shows them.
 * @param destination a stream, or the number of an open file
 */
export function prettyLines(isColored: boolean, destination: number | DestinationStream): DestinationStream {
  const format = { sync: true, colorize: isColored, translateTime: 'SYS:HH:MM:ss', singleLine: true }
  const stream = pretty({ ...format, destination })
  const clean = (_: string, value: unknown): unknown => (typeof value === 'string' ? printable(value) : value)
  return { write: (line) => void stream.write(`${JSON.stringify(JSON.parse(line, clean))}\n`) }
}

/** A log into any stream. */
export function createLog(level: LogSettings['level'], destination: DestinationStream): CommandLog {
  const log = pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: stdSerializers.err, session: sessionLabel },
      redact: { paths: secrets.flatMap((name) => [name, `*.${name}`]), censor: '[hidden]' },
    },
    destination,
  )
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: (fields, message) => log.warn(fields, message),
    error: (fields, message) => log.error(fields, message),
    flush: () => {
      if ('flushSync' in destination && typeof destination.flushSync === 'function') {
        try {
          destination.flushSync()
        } catch {
          // Nobody reads the log any more, or it was never opened: nothing is left to be done for it.
        }
      }
    },
  }
}

/** The first eight characters of a session's hash: tells sessions apart and opens none. */
function sessionLabel(session: unknown): unknown {
  return typeof session === 'string' ? createHash('sha256').update(session).digest('hex').slice(0, 8) : session
}
