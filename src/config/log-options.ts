/** The settings of the log. Only the command has them: a program passes its own log. */
import type { OptionTable } from '../base/option.ts'

export interface LogSettings {
  /** The least severe level that is written. */
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** How it is written; `auto` is pretty on a terminal and JSON elsewhere. */
  readonly format: 'auto' | 'pretty' | 'json'
}

export const logOptions: OptionTable<LogSettings> = {
  level: {
    kind: 'choice',
    flag: 'log-level',
    env: 'LOG_LEVEL',
    about: 'The least severe level that is logged. Logs go to stderr.',
    choices: ['trace', 'debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    why: 'One line for each session and call (at most 100 of a kind a second) shows what happens and costs little.',
  },
  format: {
    kind: 'choice',
    flag: 'log-format',
    about: 'The format of the log: for people (pretty), for programs (json), or chosen by where it is written (auto).',
    choices: ['auto', 'pretty', 'json'],
    default: 'auto',
    why: 'Pretty on a terminal, one JSON object a line elsewhere.',
  },
}
