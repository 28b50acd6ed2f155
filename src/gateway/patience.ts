/**
 * The first thing that a reply has to say, or that it takes its time: what decides whether a client is answered by
 * one JSON body or by a stream.
 */
import type { Pulse } from '../base/pulse.ts'
import type { Outcome, Reply, Update } from '../protocol/call.ts'

export type First =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** The reply goes on: `next` is its first step, done or not. */
  | { readonly kind: 'streaming'; readonly next: Promise<IteratorResult<Update, Outcome>> }

/** An answer that takes longer than this is streamed, so that the connection shows life and can be resumed. */
const patienceMs = 2000

export function firstOf(reply: Reply, pulse: Pulse): Promise<First> {
  const next = reply.next()
  return new Promise((resolve) => {
    const stop = pulse.after(patienceMs, () => resolve({ kind: 'streaming', next }))
    next.then(
      (step) => {
        stop()
        resolve(step.done === true ? { kind: 'outcome', outcome: step.value } : { kind: 'streaming', next })
      },
      (error: unknown) => {
        stop()
        resolve({ kind: 'failed', error })
      },
    )
  })
}
