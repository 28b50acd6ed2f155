/** Whether a client at our pipes still reads while we end: what it does not take need not be waited for. */
import { type Clock, pause } from '../base/clock.ts'
import type { LineWriter } from '../transports/stdio/pipes.ts'

/** A client that has taken nothing for so long, although lines wait for it, is not waited for. */
const unreadMs = 1500
const lookMs = 100

/** Resolves when the client reads nothing although lines wait for it; never for one that reads. */
export async function clientStopsReading(writer: Pick<LineWriter, 'blocked'>, clock: Clock): Promise<void> {
  for (;;) {
    // A new promise each time that it has taken something.
    const { blocked } = writer
    if (!blocked) await pause(clock, lookMs)
    else if (await Promise.race([blocked.then(() => false), pause(clock, unreadMs).then(() => true)])) return
  }
}
