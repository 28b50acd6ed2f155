/** Says that requests are served: a line for programs, a banner for people, else a line of the log. */
import pc from 'picocolors'
import { systemClock as clock } from '../../../base/clock.ts'
import type { EventSource } from '../../../base/events.ts'
import type { Log } from '../../../base/log.ts'
import type { Outputs } from '../../outputs.ts'
import type { Stop } from '../../shutdown-signals.ts'
import type { OutputOptions } from '../output-options.ts'
import { keyHelp, readyEvent } from './banner.ts'
import { listenForKeys } from './keys.ts'
import type { Ready } from './ready.ts'
import { writeBanner } from './write-banner.ts'

/** How long writing the line of `--json` may take before the log reports a failure. */
const tellingMs = 1000

interface AnnounceNeeds {
  readonly output: OutputOptions
  readonly outputs: Outputs
  readonly isPretty: boolean
  readonly isColored: boolean
  readonly log: Log
  readonly stop: Stop
  readonly events: EventSource
  readonly movedFrom: number
}

/**
 * Reports that requests are served: to a program, on the terminal, or in the log.
 * @returns a function that ends the corrections of the banner
 */
export function announce(ready: Ready, needs: AnnounceNeeds): () => void {
  const { output, outputs, isPretty, isColored, log, stop, events, movedFrom } = needs
  const { stdout, stderr } = outputs
  const event = readyEvent(ready)
  if (output.isJson) {
    stdout.write(`${JSON.stringify({ event: 'ready', ...event })}\n`)
    void stdout.settled(tellingMs).then(() => {
      if (stdout.lost > 0) log.warn({}, 'the line that says where it serves could not be written to stdout')
    })
  }
  if (!isPretty || output.isJson || output.isQuiet) {
    log.info(event, 'ready')
    return () => {}
  }
  const colors = pc.createColors(isColored)
  const keys = listenForKeys(
    {
      help: () => stderr.write(keyHelp(ready, colors)),
      stop: () => stop.ask('key'),
      interrupt: () => stop.ask('SIGINT'),
    },
    clock,
  )
  if (movedFrom > 0 && ready.port !== movedFrom)
    stderr.write(`\n  ${colors.yellow(`port ${movedFrom} is in use, so this is port ${ready.port}`)}\n`)
  return writeBanner(ready, keys !== undefined, colors, stderr, events)
}
