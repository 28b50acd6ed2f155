/** How long the end of a gateway may take: the command waits until no process of a server is left, but never for ever. */
import { type Clock, pause } from '../base/clock.ts'
import type { Gateway } from '../gateway/gateway.ts'

/** A process that ignores all it is asked gets SIGKILL after 5 s, and up to 2 s until it is given up. */
const politeMs = 8000
/** Nothing was served yet, and a person waits to hear why. */
const briefMs = 2000
/** After SIGKILL to everything: what is still there then, the kernel holds. */
const forcedMs = 2500

/**
 * Ends the gateway with all its processes; resolves when they are gone, or after a time that is bounded in every case.
 * What is left then, the reaper of the gateway ends.
 * @param how `politely`, step by step; `briefly`, the same for 2 s and then by force; `by_force`, SIGKILL at once
 */
export async function closeGateway(
  gateway: Pick<Gateway, 'close'>,
  clock: Clock,
  how: 'politely' | 'briefly' | 'by_force',
): Promise<void> {
  if (how !== 'by_force') {
    const ended = gateway.close().then(() => true)
    if (await Promise.race([ended, pause(clock, how === 'politely' ? politeMs : briefMs)])) return
  }
  await Promise.race([gateway.close({ force: true }), pause(clock, forcedMs)])
}
