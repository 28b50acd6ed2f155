/**
 * Suspended calls: a server asked for input in mid-call, and its client, which has no session, answers with another
 * request. Until then the call stays on its worker. Each round of input requests can be answered once; a call whose
 * client takes too long is ended. [2026-07-28 multi round-trip requests]
 */
import type { Clock } from '../../base/clock.ts'
import { shortId } from '../../base/ids.ts'
import type { CoarseTimers } from '../../base/coarse-timers.ts'
import { Refusal } from '../../base/refusal.ts'
import type { InputRequest } from '../../protocol/call.ts'
import { inputResponses } from '../../protocol/input-required.ts'
import type { RawObject } from '../../protocol/json-text.ts'
import type { Answer } from '../../protocol/jsonrpc.ts'
import { answerOfInput } from '../../protocol/bridge/input-requests.ts'
import { abandon, type InputRequests, readWhileSuspended, type SuspendableCall } from './suspendable-call.ts'

export interface SuspendedCalls {
  /**
   * Suspends a call for as long as the settings allow. Returns the id of the suspended call and the number of the round.
   */
  suspend(suspendable: SuspendableCall, inputRequests: InputRequests): { readonly callId: string; readonly round: number }
  /**
   * Resumes the call that waits for the answers of a round. Answers in the params are passed on; other input requests stay
   * open. Throws `suspended_call_gone`, `input_already_provided`, or `invalid_params` for a malformed answer.
   */
  resume(callId: string, round: number, params: RawObject | undefined): SuspendableCall
  /** The call has ended: later answers are refused. */
  end(suspendable: SuspendableCall): void
  /** At capacity: ends up to `wanted` calls whose clients have been silent for long, the longest first. */
  evictIdle(wanted: number): void
  readonly count: number
}

/** How often a server that asked for progress of its input request is told that an answer may still come. */
const beatMs = 15_000

interface Entry {
  readonly suspendable: SuspendableCall
  readonly inputRequests: InputRequests
  round: number
  /** When the last request of its client came. */
  seenMs: number
  /** Stops the timers of the suspension; undefined while a request is attached to the call. */
  resume: (() => void) | undefined
}

/** @param needs.evictIdleMs how long a client may be silent, at capacity, before its call may be ended */
export function createSuspendedCalls(needs: {
  readonly timers: CoarseTimers
  readonly clock: Clock
  readonly evictIdleMs: number
  /** How long a client may take to answer, in milliseconds. */
  readonly answerTimeoutMs: number
}): SuspendedCalls {
  const { timers, clock } = needs
  const entries = new Map<string, Entry>()
  const ids = new WeakMap<SuspendableCall, string>()

  const idOf = (suspendable: SuspendableCall): string => {
    const id = ids.get(suspendable) ?? shortId()
    ids.set(suspendable, id)
    return id
  }

  const expire = (id: string, { suspendable, resume }: Entry): void => {
    entries.delete(id)
    resume?.()
    abandon(suspendable, 'the client did not come back')
  }

  /** Starts the timers of a suspension; the returned function stops them. */
  const wait = (id: string, entry: Entry): (() => void) => {
    const beat = (): void => {
      for (const inputRequest of entry.inputRequests.open.values()) inputRequest.stillAsking?.()
      stopBeat = timers.after(beatMs, beat)
    }
    let stopBeat = timers.after(beatMs, beat)
    const stopTimeout = timers.after(needs.answerTimeoutMs, () => expire(id, entry))
    const stopCancel = entry.suspendable.call.cancel.onCancel(() => expire(id, entry))
    const stopReading = readWhileSuspended(entry.suspendable, entry.inputRequests)
    return () => {
      entry.resume = undefined
      stopReading()
      stopBeat()
      stopTimeout()
      stopCancel()
    }
  }

  return {
    suspend(suspendable, inputRequests) {
      const id = idOf(suspendable)
      const entry = entries.get(id) ?? { suspendable, inputRequests, round: 0, seenMs: 0, resume: undefined }
      entries.set(id, entry)
      entry.round++
      entry.seenMs = clock.now()
      // A suspended call does not hold up a shutdown, but it can be resumed while the shutdown waits for other calls.
      suspendable.over()
      entry.resume = wait(id, entry)
      return { callId: id, round: entry.round }
    },
    resume(callId, round, params) {
      const entry = entries.get(callId)
      if (!entry) throw new Refusal('suspended_call_gone')
      if (!entry.resume || entry.round !== round) throw new Refusal('input_already_provided')
      const { open } = entry.inputRequests
      const given = inputResponses(params)
      const answers = [...open].map(([key, inputRequest]) => ({
        key,
        inputRequest,
        answer: answerTo(inputRequest, key, given),
      }))
      entry.resume()
      for (const { key, inputRequest, answer } of answers) {
        if (!answer) continue
        open.delete(key)
        inputRequest.answer(answer)
      }
      return entry.suspendable
    },
    end(suspendable) {
      const id = ids.get(suspendable)
      if (id !== undefined) entries.delete(id)
    },
    evictIdle(wanted) {
      const silentSinceMs = clock.now() - needs.evictIdleMs
      // A call without open input requests soon leaves its worker anyway.
      const waiting = [...entries].filter(
        ([, { inputRequests, resume, seenMs }]) => resume && inputRequests.open.size > 0 && seenMs <= silentSinceMs,
      )
      waiting.sort(([, a], [, b]) => a.seenMs - b.seenMs)
      for (const [id, entry] of waiting.slice(0, wanted)) expire(id, entry)
    },
    get count() {
      return entries.size
    },
  }
}

/** The client's answer to an input request; undefined if it gives none. */
function answerTo(inputRequest: InputRequest, key: string, given: ReadonlyMap<string, string>): Answer | undefined {
  const text = given.get(key)
  if (text === undefined) return undefined
  const answer = answerOfInput(inputRequest, text)
  if (!answer)
    throw new Refusal('invalid_params', { message: `inputResponses.${key} is no answer to ${inputRequest.method}.` })
  return answer
}
