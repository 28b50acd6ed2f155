/** What a package writes to the console goes to the log, which masks secrets, and never to stdout, which may carry the protocol. */
import { format } from 'node:util'
import type { Log } from '../base/log.ts'

/** The log masks secrets in what it gets: a text that is cut short could end within one. */
const mostChars = 65_536

/** @returns a function that gives the console back */
export function consoleToLog(log: Pick<Log, 'warn' | 'debug'>, target: Console = console): () => void {
  const { warn: w, error, log: l, info, debug: d, dir, dirxml, table, trace } = target
  const before = { warn: w, error, log: l, info, debug: d, dir, dirxml, table, trace }
  const shown = (words: readonly unknown[]): string => format(...words).slice(0, mostChars)
  const warn = (...words: readonly unknown[]): void =>
    log.warn({ line: shown(words) }, 'a package wrote to the console')
  const debug = (...words: readonly unknown[]): void =>
    log.debug({ line: shown(words) }, 'a package wrote to the console')
  Object.assign(target, {
    warn,
    error: warn,
    trace: warn,
    log: debug,
    info: debug,
    debug,
    dir: debug,
    dirxml: debug,
    table: debug,
  })
  return () => void Object.assign(target, before)
}
