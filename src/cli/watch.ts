/** What every verb that runs for long sets up first: its log, and word of errors that nobody caught. */
import type { LogSettings } from '../config/log-options.ts'
import type { Machine } from '../config/machine.ts'
import { type CommandLog, openLog } from './log.ts'
import { wantsColor } from './terminal.ts'
import type { Talk } from './verbs/talk.ts'

export interface Watch {
  readonly log: CommandLog
  readonly isPretty: boolean
  readonly isColored: boolean
}

/** Opens the log as it was asked for. */
export function openWatch(talk: Talk, settings: LogSettings, machine: Machine): Watch {
  const { stderr } = process
  const isPretty = settings.format === 'pretty' || (settings.format === 'auto' && stderr.isTTY)
  const isColored = wantsColor(machine.env, stderr, talk.isColorOff)
  return { log: openLog(levelOf(talk, settings.level), isPretty, isColored), isPretty, isColored }
}

/** Says to somebody who typed the command that it waits for a program, and not for what is typed next. */
export function tellPeople(): void {
  if (!process.stdin.isTTY) return
  process.stderr.write(
    'mcplex speaks MCP on stdin and stdout now: a client is meant to start this command. Ctrl-D ends it.\n',
  )
}

/** Rejects with the first error that nobody caught. */
export function firstBug(): Promise<never> {
  const bug = new Promise<never>((_, reject) => {
    process.on('uncaughtException', reject)
    process.on('unhandledRejection', reject)
  })
  // Whoever races against it may be done already.
  bug.catch(() => {})
  return bug
}

function levelOf(talk: Talk, level: LogSettings['level']): LogSettings['level'] {
  if (talk.isQuiet) return 'error'
  return talk.isVerbose ? 'debug' : level
}
