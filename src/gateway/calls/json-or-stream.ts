/**
 * The first thing that a reply has to say, or that it takes its time: what decides whether a client is answered by
 * one JSON body or by a stream.
 */
import type { CoarseTimers } from '../../base/coarse-timers.ts'
import type { InputRequest, Outcome, Reply, Update } from '../../protocol/call.ts'
import { errorAnswer } from '../../protocol/jsonrpc.ts'

export type First =
  | { readonly kind: 'outcome'; readonly outcome: Outcome }
  | { readonly kind: 'failed'; readonly error: unknown }
  /** The reply goes on: `next` is its first step, done or not; `ask` if that is a question. */
  | {
      readonly kind: 'streaming'
      readonly next: Promise<IteratorResult<Update, Outcome>>
      readonly inputRequest?: InputRequest | undefined
    }

/** An answer that takes longer than this is streamed, so that the connection shows life and can be resumed. */
const patienceMs = 2000

/** @param next the first step of a reply */
export function firstUpdate(next: Promise<IteratorResult<Update, Outcome>>, timers: CoarseTimers): Promise<First> {
  return new Promise((resolve) => {
    const stop = timers.after(patienceMs, () => resolve({ kind: 'streaming', next }))
    next.then(
      (step) => {
        stop()
        if (step.done === true) resolve({ kind: 'outcome', outcome: step.value })
        else resolve({ kind: 'streaming', next, inputRequest: step.value.kind === 'ask' ? step.value : undefined })
      },
      (error: unknown) => {
        stop()
        resolve({ kind: 'failed', error })
      },
    )
  })
}

/**
 * The end of a reply, for a client that takes no stream: notifications before it are dropped, and the server is told
 * that the client cannot be asked.
 */
export async function outcomeOnly(reply: Reply): Promise<First> {
  try {
    for (;;) {
      const step = await reply.next()
      if (step.done === true) return { kind: 'outcome', outcome: step.value }
      if (step.value.kind === 'ask') {
        step.value.answer(errorAnswer(-32603, 'The client accepts no event stream, so it cannot be asked'))
      }
    }
  } catch (error) {
    return { kind: 'failed', error }
  }
}

/** The next step, or word that nothing has come for `ms` milliseconds. */
export function nextOrIdle<Step>(next: Promise<Step>, ms: number, timers: CoarseTimers): Promise<Step | 'quiet'> {
  return new Promise((resolve, reject) => {
    const stop = timers.after(ms, () => resolve('quiet'))
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
