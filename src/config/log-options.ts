/** The settings of the log: only the command has them, a program hands in its own log. */
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
    why: 'One line for each session and call (at most 100 of a kind a second) says what goes on and costs little.',
  },
  format: {
    kind: 'choice',
    flag: 'log-format',
    about: 'How it is logged: for people (pretty), for programs (json), or whichever fits (auto).',
    choices: ['auto', 'pretty', 'json'],
    default: 'auto',
    why: 'Pretty on a terminal, one JSON object a line elsewhere.',
  },
}
