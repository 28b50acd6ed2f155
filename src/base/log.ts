/** The log as modules use it. Pino implements it; so does a test that collects lines. */

export type LogFields = Readonly<Record<string, unknown>>

/** Messages are short and constant; values that vary go into the fields. */
export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** How many lines could not be written so far, if the log counts them; shown in `/health`. */
  readonly lost?: number
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }

/** The same log, with fields that stand in each line. Fields of a line win over them. */
export function logWith(log: Log, fields: LogFields): Log {
  return {
    debug: (more, message) => log.debug({ ...fields, ...more }, message),
    info: (more, message) => log.info({ ...fields, ...more }, message),
    warn: (more, message) => log.warn({ ...fields, ...more }, message),
    error: (more, message) => log.error({ ...fields, ...more }, message),
  }
}
