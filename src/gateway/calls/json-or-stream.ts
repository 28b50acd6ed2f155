/**
 * Decides whether a client is answered by one JSON body or by a stream: by a body if the outcome is the first update of
 * the reply and comes soon, else by a stream.
 */
import type { CoarseTimers } from '../../base/coarse-timers.ts'
import type { InputRequest, Outcome, Reply, Update } from '../../protocol/call.ts'
import { errorAnswer } from '../../protocol/jsonrpc.ts'

export type First =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** The reply goes on. `next` is its first step, which may still be pending; `inputRequest` is set if it is one. */
  | {
      readonly kind: 'streaming'
      readonly next: Promise<IteratorResult<Update, Outcome>>
      readonly inputRequest?: InputRequest | undefined
    }

/** An answer that takes longer than this is streamed, so that the connection shows life and can be resumed. */
const jsonWaitMs = 2000

/** Waits for the first step of a reply, up to `jsonWaitMs`. */
export function firstUpdate(next: Promise<IteratorResult<Update, Outcome>>, timers: CoarseTimers): Promise<First> {
  return new Promise((resolve) => {
    const stop = timers.after(jsonWaitMs, () => resolve({ kind: 'streaming', next }))
    next.then(
      (step) => {
        stop()
        if (step.done === true) resolve({ kind: 'outcome', outcome: step.value })
        else
          resolve({
            kind: 'streaming',
            next,
            inputRequest: step.value.kind === 'input_request' ? step.value : undefined,
          })
      },
      (error: unknown) => {
        stop()
        resolve({ kind: 'failed', error })
      },
    )
  })
}

/**
 * The outcome of a reply, for a client that accepts no stream: notifications are dropped, and input requests are
 * answered with an error.
 */
export async function outcomeOnly(reply: Reply): Promise<First> {
  try {
    for (;;) {
      const step = await reply.next()
      if (step.done === true) return { kind: 'outcome', outcome: step.value }
      if (step.value.kind === 'input_request') {
        step.value.answer(errorAnswer(-32603, 'The client accepts no event stream, so it cannot be asked'))
      }
    }
  } catch (error) {
    return { kind: 'failed', error }
  }
}

/** The next step, or 'idle' if it has not come after `ms` milliseconds. */
export function nextOrIdle<Step>(next: Promise<Step>, ms: number, timers: CoarseTimers): Promise<Step | 'idle'> {
  return new Promise((resolve, reject) => {
    const stop = timers.after(ms, () => resolve('idle'))
    next.then(
      (step) => {
        stop()
        resolve(step)
      },
      (error: unknown) => {
        stop()
        reject(error)
      },
    )
  })
}
