/**
 * Calls that wait for their clients: a server asked in mid-call, and its client, which has no session, answers with
 * another request. Until then the call stays where it is, on its process. Each round of questions can be answered
 * once; whoever takes too long finds the call ended. [2026-07-28 multi round-trip requests]
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
import { abandon, type SuspendableCall, listenOn, type Questions } from './suspendable-call.ts'

export interface SuspendedCalls {
  /** Puts a call aside; returns what names the round of its questions, which are open for as long as the settings say. */
  suspend(suspendable: SuspendableCall, questions: Questions): { readonly call: string; readonly round: number }
  /**
   * The call that waits for the answers of a round. Those that are there are passed on; the other questions stay open.
   * Throws `suspended_call_gone`, `input_already_provided`, or `invalid_params` for what is no answer.
   */
  resume(call: string, round: number, params: RawObject | undefined): SuspendableCall
  /** The call is over: what is still said to it is too late. */
  end(suspendable: SuspendableCall): void
  /** Others find no process: ends up to so many calls whose clients have been silent for long, the longest first. */
  evictIdle(wanted: number): void
  readonly count: number
}

/** How often a server that wants to know is told that an answer may still come. */
const beatMs = 15_000

interface Entry {
  readonly suspendable: SuspendableCall
  readonly questions: Questions
  round: number
  /** When its client was last heard of. */
  seenMs: number
  /** How to stop the clocks of the wait; undefined while a request of the client is with the call. */
  resume: (() => void) | undefined
}

/** @param needs.giveWayMs how long a client may be silent where others find no process */
export function createSuspendedCalls(needs: {
  readonly timers: CoarseTimers
  readonly clock: Clock
  readonly evictIdleMs: number
  /** How long a client may take to answer. */
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

  /** Starts the clocks of a wait; returns how to stop them. */
  const wait = (id: string, entry: Entry): (() => void) => {
    const beat = (): void => {
      for (const inputRequest of entry.questions.open.values()) inputRequest.stillAsking?.()
      stopBeat = timers.after(beatMs, beat)
    }
    let stopBeat = timers.after(beatMs, beat)
    const stopPatience = timers.after(needs.answerTimeoutMs, () => expire(id, entry))
    const stopCancel = entry.suspendable.call.cancel.onCancel(() => expire(id, entry))
    const stopListening = listenOn(entry.suspendable, entry.questions)
    return () => {
      entry.resume = undefined
      stopListening()
      stopBeat()
      stopPatience()
      stopCancel()
    }
  }

  return {
    suspend(suspendable, questions) {
      const id = idOf(suspendable)
      const entry = entries.get(id) ?? { suspendable, questions, round: 0, seenMs: 0, resume: undefined }
      entries.set(id, entry)
      entry.round++
      entry.seenMs = clock.now()
      // A shutdown does not wait for people; but as long as it lasts, they are served.
      suspendable.over()
      entry.resume = wait(id, entry)
      return { call: id, round: entry.round }
    },
    resume(call, round, params) {
      const entry = entries.get(call)
      if (!entry) throw new Refusal('suspended_call_gone')
      if (!entry.resume || entry.round !== round) throw new Refusal('input_already_provided')
      const { open } = entry.questions
      const given = inputResponses(params)
      const answers = [...open].map(([key, inputRequest]) => ({
        key,
        ask: inputRequest,
        answer: answerTo(inputRequest, key, given),
      }))
      entry.resume()
      for (const { key, ask: inputRequest, answer } of answers) {
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
      // One that has nothing left to ask holds no process for long.
      const waiting = [...entries].filter(
        ([, { questions, resume, seenMs }]) => resume && questions.open.size > 0 && seenMs <= silentSinceMs,
      )
      waiting.sort(([, a], [, b]) => a.seenMs - b.seenMs)
      for (const [id, entry] of waiting.slice(0, wanted)) expire(id, entry)
    },
    get count() {
      return entries.size
    },
  }
}

/** What the client answers to a question; undefined if it says nothing to it. */
function answerTo(inputRequest: InputRequest, key: string, given: ReadonlyMap<string, string>): Answer | undefined {
  const text = given.get(key)
  if (text === undefined) return undefined
  const answer = answerOfInput(inputRequest, text)
  if (!answer)
    throw new Refusal('invalid_params', { message: `inputResponses.${key} is no answer to ${inputRequest.method}.` })
  return answer
}
