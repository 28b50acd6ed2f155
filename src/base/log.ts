/** The log as the rooms see it. Pino fits it; so does a test that collects lines. */

export type LogFields = Readonly<Record<string, unknown>>

/** Levels by severity. Messages are short and constant; what varies goes into the fields. */
export interface Log {
  debug(fields: LogFields, message: string): void
  info(fields: LogFields, message: string): void
  warn(fields: LogFields, message: string): void
  error(fields: LogFields, message: string): void
  /** How many lines could not be written so far, if the log counts them: a figure in `/health`. */
  readonly lost?: number
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} }
