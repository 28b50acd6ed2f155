/** Ends a gateway in bounded time: the command waits until no process of a server is left, but not for ever. */
import { type Clock, pause } from '../base/clock.ts'
import type { Gateway } from '../gateway/gateway.ts'

/** A process that ignores everything gets SIGKILL after 5 s, and is given up after 2 s more. */
const politeMs = 8000
/** After a failed start: nothing was served yet, and the user waits for the error message. */
const briefMs = 2000
/** After SIGKILL to all processes: whatever is left after this hangs in the kernel. */
const forcedMs = 2500

/**
 * Ends the gateway with all its processes; resolves when they are gone, or after a bounded time. The reaper of the
 * gateway ends the rest.
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
