/**
 * Calls that wait for the place of their client: a client without a session that streams is told meanwhile where it stands
 * in line, as one whose call waits for a worker.
 */
import type { PlaceWait } from '../admission/admission.ts'
import { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'
import { createLease, type Lease } from '../base/lease.ts'
import type { Call, Reply } from '../protocol/call.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import { untilGiven } from '../upstreams/wait-notices.ts'

/** A place that a call waits for. Its release ends the wait, or gives the place back. */
export interface PendingPlace extends PlaceWait, Lease {}

/**
 * Begins the wait of a call for its place.
 * @param wait begins the wait, which the cancel ends
 * @param given called with the place as soon as there is one; may throw a refusal, and the place is given back
 */
export function createPendingPlace(
  closed: Cancel,
  wait: (cancel: Cancel) => PlaceWait,
  given: () => void,
): PendingPlace {
  const ended = new Cancel()
  const stopListening = closed.onCancel(() => ended.cancel('the client closed the connection'))
  const { lease: waiting, standing } = wait(ended)
  const lease = waiting.then((place) => {
    try {
      given()
    } catch (error) {
      place.release()
      throw error
    }
    return place
  })
  // Whoever waits is told as well.
  lease.catch(() => undefined)
  const { release } = createLease(() => {
    stopListening()
    ended.cancel('nothing waits for the place any more')
    lease.then(
      (place) => place.release(),
      () => undefined,
    )
  })
  return { lease, standing, release }
}

/** An upstream whose calls first wait for a place. They throw what the wait rejects with, and what `untilGiven` throws. */
export function upstreamBehind(
  pending: PendingPlace,
  upstream: Pick<Upstream, 'call'>,
  clock: Clock,
): Pick<Upstream, 'call'> {
  return { call: (call) => callWhenPlaced(call, pending, upstream, clock) }
}

async function* callWhenPlaced(
  call: Call,
  pending: PendingPlace,
  upstream: Pick<Upstream, 'call'>,
  clock: Clock,
): Reply {
  const stopListening = call.cancel.onCancel(() => pending.release())
  let waitNotices = 0
  try {
    const giveBack = (): void => pending.release()
    const wait = { call, given: pending.lease, place: pending.standing, giveBack, clock }
    waitNotices = (yield* untilGiven(wait)).waitNotices
  } finally {
    stopListening()
  }
  return yield* upstream.call({ ...call, waitNotices })
}
