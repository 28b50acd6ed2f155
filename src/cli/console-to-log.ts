/** What a package writes to the console goes to the log, which masks secrets, and never to stdout, which may carry the protocol. */
import { format } from 'node:util'
import type { Log } from '../base/log.ts'

const mostChars = 1000

/** @returns a function that gives the console back */
export function consoleToLog(log: Pick<Log, 'warn' | 'debug'>, target: Console = console): () => void {
  const before = { warn: target.warn, error: target.error, log: target.log, info: target.info, debug: target.debug }
  const shown = (words: readonly unknown[]): string => format(...words).slice(0, mostChars)
  const warn = (...words: readonly unknown[]): void =>
    log.warn({ line: shown(words) }, 'a package wrote to the console')
  const debug = (...words: readonly unknown[]): void =>
    log.debug({ line: shown(words) }, 'a package wrote to the console')
  Object.assign(target, { warn, error: warn, log: debug, info: debug, debug })
  return () => void Object.assign(target, before)
}
