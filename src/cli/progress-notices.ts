/** Notices on the status line of a terminal: what is being started, and how long a drain takes. */
import type { Clock } from '../base/clock.ts'
import { terminalSafeLine } from '../base/terminal-safe.ts'
import { isForeground } from './process-table.ts'
import { showWords } from './shell-words.ts'
import { type StatusLine, usualColumns } from './status-line.ts'

/** Removes a notice. Calling it twice does no harm. */
export type Done = () => void

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']
const frameMs = 100

/** After this time the notice explains the wait: a first run of `npx` downloads without any output. */
export const quietStartMs = 5000

/** Characters of the command line that are shown on the narrowest terminal. */
const leastCommand = 8

/** Shows at once what is being started, and then for how long. */
export function noticeStart(command: readonly string[], line: StatusLine, clock: Clock): Done {
  const startedMs = clock.now()
  const words = showWords(command)
  let frame = 0
  return animate(line, clock, frameMs, () => {
    const ms = clock.now() - startedMs
    const since = ms < 1000 ? '' : `   ${Math.floor(ms / 1000)} s`
    const why = ms < quietStartMs ? '' : ', it may be downloading or loading'
    frame = (frame + 1) % frames.length
    const beginning = `${frames[frame] ?? ''} starting `
    const room = (line.columns || usualColumns) - 1 - beginning.length - since.length - why.length
    return `${beginning}${terminalSafeLine(words, Math.max(room, leastCommand))}${since}${why}`
  })
}

/** Counts down to the end of a drain. @param calls the number of calls in flight */
export function noticeDrain(drainMs: number, calls: () => number, line: StatusLine, clock: Clock): Done {
  const endsAtMs = clock.now() + drainMs
  return animate(line, clock, frameMs, () => {
    const count = calls()
    if (count === 0) return undefined
    const seconds = Math.max(0, Math.ceil((endsAtMs - clock.now()) / 1000))
    const what = count === 1 ? '1 call is' : `${count} calls are`
    return `stopping: ${what} in flight, ${seconds} s left; Ctrl-C ends ${count === 1 ? 'it' : 'them'} at once`
  })
}

function animate(line: StatusLine, clock: Clock, everyMs: number, text: () => string | undefined): Done {
  // In the background it would disturb the output of other programs.
  const draw = (): void => line.show(isForeground() ? text() : undefined)
  draw()
  const timer = clock.every(everyMs, draw)
  return () => {
    timer.stop()
    line.show(undefined)
  }
}
