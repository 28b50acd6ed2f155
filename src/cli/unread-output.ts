/** Whether a client at our pipes still reads while we end. If it does not, there is no use in waiting for it. */
import { type Clock, pause } from '../base/clock.ts'
import type { LineWriter } from '../transports/stdio/pipes.ts'

/** A client that has read nothing for this long, although lines wait, has stopped reading. */
const unreadMs = 1500
const lookMs = 100

/** Resolves when the client has stopped reading although lines wait; stays pending while it reads. */
export async function clientStopsReading(writer: Pick<LineWriter, 'blocked'>, clock: Clock): Promise<void> {
  for (;;) {
    // There is a new promise each time it has read something.
    const { blocked } = writer
    if (!blocked) await pause(clock, lookMs)
    else if (await Promise.race([blocked.then(() => false), pause(clock, unreadMs).then(() => true)])) return
  }
}
