/**
 * Suspended calls: a server asked for input in mid-call, and its client, which has no session, answers with another
 * request. Until then the call stays on its worker. Each round of input requests can be answered once; a call whose
 * client takes too long is ended. [2026-07-28 multi round-trip requests]
 *
 * Each call that was suspended is in one of two states until it ends: `suspended`, or `attached` to the request that has
 * resumed it, which may suspend it again. The calls in a state are a set, and only `#move` takes a call from one to another.
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

/** How often a server that asked for progress of its input request is told that an answer may still come. */
const beatMs = 15_000

/** A call that was suspended at least once, with what is needed to find, resume and end it. */
interface SuspendedCall {
  /** The `callId` of the suspendable call, by which a request finds it again. */
  readonly id: string
  readonly suspendable: SuspendableCall
  readonly inputRequests: InputRequests
  state: State | 'ended'
  /** How often it was suspended: the responses of an earlier round are refused. */
  round: number
  /** When the last request of its client was answered. */
  lastAnsweredAtMs: number
  /** Functions that stop what runs only while the call is suspended: called once it is resumed, or has ended. */
  readonly onNoLongerSuspended: Array<() => void>
}

type State = 'attached' | 'suspended'

export interface SuspendedCallsNeeds {
  readonly timers: CoarseTimers
  readonly clock: Clock
  /** How long a client may be silent, at capacity, before its call may be ended, in milliseconds. */
  readonly evictIdleMs: number
  /** How long a client may take to answer, in milliseconds. */
  readonly answerTimeoutMs: number
}

export class SuspendedCalls {
  readonly #needs: SuspendedCallsNeeds
  readonly #byId = new Map<string, SuspendedCall>()
  readonly #sets: { readonly [In in State]: Set<SuspendedCall> } = {
    attached: new Set(),
    suspended: new Set(),
  }

  constructor(needs: SuspendedCallsNeeds) {
    this.#needs = needs
  }

  /** How many calls wait for their clients, or were resumed and may be suspended again. */
  get count(): number {
    return this.#sets.suspended.size + this.#sets.attached.size
  }

  /**
   * Suspends a call for as long as the settings allow. Returns the id of the suspended call and the number of the round.
   * @param inputRequests those of the call: the same object in every round, so only the first one is kept
   */
  suspend(
    suspendable: SuspendableCall,
    inputRequests: InputRequests,
  ): { readonly callId: string; readonly round: number } {
    const suspendedCall = this.#of(suspendable) ?? this.#begin(suspendable, inputRequests)
    suspendedCall.round++
    suspendedCall.lastAnsweredAtMs = this.#needs.clock.now()
    // A shutdown does not wait for a suspended call, but the call can be resumed while the shutdown waits for others.
    suspendable.leaveDrain()
    this.#move(suspendedCall, 'suspended')
    return { callId: suspendedCall.id, round: suspendedCall.round }
  }

  /**
   * Resumes the call that waits for the answers of a round. Answers in the params are passed on; other input requests stay
   * open. Throws `suspended_call_gone`, `input_already_provided`, or `invalid_params` for a malformed answer.
   */
  resume(callId: string, round: number, params: RawObject | undefined): SuspendableCall {
    const suspendedCall = this.#byId.get(callId)
    if (!suspendedCall) throw new Refusal('suspended_call_gone')
    if (suspendedCall.state !== 'suspended' || suspendedCall.round !== round)
      throw new Refusal('input_already_provided')
    const { open } = suspendedCall.inputRequests
    const given = inputResponses(params)
    const answers = [...open].map(([key, inputRequest]) => ({
      key,
      inputRequest,
      answer: answerTo(inputRequest, key, given),
    }))
    this.#move(suspendedCall, 'attached')
    for (const { key, inputRequest, answer } of answers) {
      if (!answer) continue
      open.delete(key)
      inputRequest.answer(answer)
    }
    return suspendedCall.suspendable
  }

  /** The call has ended: later answers are refused. */
  end(suspendable: SuspendableCall): void {
    const suspendedCall = this.#of(suspendable)
    if (suspendedCall) this.#move(suspendedCall, 'ended')
  }

  /**
   * At capacity of an upstream: ends up to `wanted` calls whose clients have been silent for long, the longest first.
   * @param isAmong whether a call may be at the upstream: other ones hold none of its workers
   */
  endSilent(wanted: number, isAmong: (suspendable: SuspendableCall) => boolean): void {
    const silentSinceMs = this.#needs.clock.now() - this.#needs.evictIdleMs
    // A call without open input requests soon leaves its worker anyway.
    const waiting = [...this.#sets.suspended].filter(
      ({ suspendable, inputRequests, lastAnsweredAtMs }) =>
        inputRequests.open.size > 0 && lastAnsweredAtMs <= silentSinceMs && isAmong(suspendable),
    )
    waiting.sort((a, b) => a.lastAnsweredAtMs - b.lastAnsweredAtMs)
    for (const suspendedCall of waiting.slice(0, wanted)) this.#expire(suspendedCall)
  }

  /** The only place where the state of a call changes. */
  #move(suspendedCall: SuspendedCall, to: State | 'ended'): void {
    const { state: from, id } = suspendedCall
    // From either state to the other, or to its end.
    if (from === 'ended' || from === to) throw new Error(`a call that is ${from} cannot become ${to}`)
    this.#sets[from].delete(suspendedCall)
    suspendedCall.state = to
    if (from === 'suspended') for (const stop of suspendedCall.onNoLongerSuspended.splice(0)) stop()
    if (to === 'ended') this.#byId.delete(id)
    else this.#sets[to].add(suspendedCall)
    if (to === 'suspended') this.#wait(suspendedCall)
  }

  #of({ callId }: SuspendableCall): SuspendedCall | undefined {
    return callId === undefined ? undefined : this.#byId.get(callId)
  }

  /** Adds a call that is suspended for the first time; until then the request that began it is attached to it. */
  #begin(suspendable: SuspendableCall, inputRequests: InputRequests): SuspendedCall {
    const id = shortId()
    const suspendedCall: SuspendedCall = {
      id,
      suspendable,
      inputRequests,
      state: 'attached',
      round: 0,
      lastAnsweredAtMs: 0,
      onNoLongerSuspended: [],
    }
    suspendable.callId = id
    this.#byId.set(id, suspendedCall)
    this.#sets.attached.add(suspendedCall)
    return suspendedCall
  }

  /** Starts what runs while a call is suspended: its time-out, signs of life for the server, and the reading of its reply. */
  #wait(suspendedCall: SuspendedCall): void {
    const { suspendable, inputRequests, onNoLongerSuspended } = suspendedCall
    const { timers, answerTimeoutMs } = this.#needs
    const beat = (): void => {
      for (const inputRequest of inputRequests.open.values()) inputRequest.reportProgress?.()
      stopBeat = timers.after(beatMs, beat)
    }
    let stopBeat = timers.after(beatMs, beat)
    onNoLongerSuspended.push(() => stopBeat())
    onNoLongerSuspended.push(timers.after(answerTimeoutMs, () => this.#expire(suspendedCall)))
    onNoLongerSuspended.push(readWhileSuspended(suspendable, inputRequests))
    // Last, because it calls back at once if the call was cancelled already.
    onNoLongerSuspended.push(suspendable.call.cancel.onCancel(() => this.#expire(suspendedCall)))
  }

  /** Ends a suspended call whose client does not answer, or is gone. */
  #expire(suspendedCall: SuspendedCall): void {
    this.#move(suspendedCall, 'ended')
    abandon(suspendedCall.suspendable, 'the client did not come back')
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
