/**
 * Continues a call of a client with a session when a stateless server ends it with input requests: they are sent to
 * the client on the stream of the call, and once all are answered the server is called again, as often as it asks. The
 * state in between is a plain record (protocol/bridge/continuation.ts); calls without input requests have none.
 * [2026-07-28 multi round-trip requests; 2025-11-25 client features]
 */
import type { Records } from '../../backplane/backplane.ts'
import { type BackOff, backOffMs } from '../../base/backoff.ts'
import { Cancel } from '../../base/cancel.ts'
import { type Clock, pauseUnless } from '../../base/clock.ts'
import { shortId, unguessableId } from '../../base/ids.ts'
import { bytesOfValue, reserve, type MemoryAccount } from '../../base/memory-budget.ts'
import { asRefusal, Refusal } from '../../base/refusal.ts'
import { Wakeup } from '../../base/wakeup.ts'
import type { InputRequest, Call, Outcome, Reply } from '../../protocol/call.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'
import type { Answer } from '../../protocol/jsonrpc.ts'
import type { InputRequestContent } from '../../protocol/bridge/input-requests.ts'
import {
  answered,
  nextRound,
  newContinuation,
  calledAgain,
  endUnanswered,
  type Continuation,
  isComplete,
  isOpen,
  needsInput,
  paramsAgain,
  inputRequestsForClient,
} from '../../protocol/bridge/continuation.ts'
import { sessionKey } from '../../sessions/session.ts'
import type { Upstream } from '../../upstreams/upstream.ts'

export interface Continuations {
  /**
   * The rest of a call that ended with input requests: these requests, further updates, then the outcome.
   * Throws `upstream_invalid`, `not_supported_by_client_revision`, `too_many_rounds`, `cancelled`, `store_unavailable`,
   * and what a call of the upstream throws. Throws `input_not_provided`, too, except for a tool call, which ends with
   * an error result instead.
   */
  continueCall(call: Call & { readonly session: string }, outcome: Outcome): Reply
}

/** A server that asks for input in more rounds of one call is assumed to loop. */
const maxRounds = 16
/** How often in a row a server may ask to be called again without an input request: some two minutes in all. */
const maxRepeats = 32
const repeatPauses: BackOff = { firstMs: 100, longestMs: 5000 }

export function createContinuations(needs: {
  readonly upstream: Pick<Upstream, 'call'>
  readonly records: Records
  readonly clock: Clock
  /** How long a client may take to answer, in milliseconds. */
  readonly answerTimeoutMs: number
}): Continuations {
  const { upstream, records, clock } = needs
  // A record is stored for as long as people have to answer, and a little longer.
  const recordMs = needs.answerTimeoutMs + 60_000
  const instance = shortId()
  let count = 0

  return {
    async *continueCall(call, first) {
      const id = `${instance}${(++count).toString(36)}`
      const key = `${sessionKey(call.principal, call.session)}/continuation/${id}`
      const record = createContinuationRecord(records, key, recordMs, call.memory)
      let continuation = newContinuation(id, call)
      let outcome = first
      let repeats = 0
      try {
        for (;;) {
          const inputRequests = inputRequestsForClient(call.client, outcome, unguessableId)
          if ('kind' in inputRequests) return { answer: inputRequests, era: call.client.era, worker: undefined }
          const next = nextRound(continuation, outcome, inputRequests)
          continuation = next.continuation
          if (next.sent.size === 0) await pauseBeforeRepeat(++repeats, call, clock)
          else {
            repeats = 0
            if (continuation.round > maxRounds) throw new Refusal('too_many_rounds')
            record.noteInputRequests(outcome)
            await record.write(continuation)
            continuation = calledAgain(yield* requestInput(continuation, next.sent, call, record))
            // Stored before the call: an instance that finds the record must know that the server may have been called.
            await record.write(continuation)
          }
          if (call.cancel.cancelled) throw new Refusal('cancelled')
          outcome = yield* upstream.call({
            ...call,
            params: paramsAgain(continuation),
            worker: continuation.worker,
            round: continuation.round,
          })
          if (!needsInput(call, outcome)) return outcome
        }
      } catch (error) {
        const refusal = asRefusal(error)
        if (refusal?.code !== 'input_not_provided') throw error
        return endUnanswered(call, refusal)
      } finally {
        record.remove()
      }
    },
  }
}

/**
 * Sends the input requests to the client, all at once, and waits until all are answered or one fails. Those still open
 * then are withdrawn.
 */
async function* requestInput(
  asking: Continuation,
  inputRequests: ReadonlyMap<string, InputRequestContent>,
  call: Call,
  record: ContinuationRecord,
): AsyncGenerator<InputRequest, Continuation, void> {
  let continuation = asking
  let failure: Refusal | undefined
  const wakeup = new Wakeup()
  const fail = (refusal: Refusal): void => {
    failure ??= refusal
    wakeup.notify()
  }
  const take = (id: string, answer: Answer, expired = false): void => {
    if (failure || !isOpen(continuation, id)) return
    const method = inputRequests.get(id)?.method ?? ''
    const next = expired ? undefined : answered(continuation, id, answer)
    if (!next) return fail(unanswered(method, answer, expired))
    continuation = next
    try {
      record.count(continuation)
    } catch (error) {
      return fail(asRefusal(error) ?? new Refusal('internal'))
    }
    if (isComplete(continuation)) wakeup.notify()
    else record.write(continuation).catch(() => undefined)
  }
  const stopListening = call.cancel.onCancel(() => fail(new Refusal('cancelled')))
  const withdrawn = new Map<string, Cancel>()
  try {
    for (const [id, { method, params }] of inputRequests) {
      if (failure) break
      const cancel = new Cancel()
      withdrawn.set(id, cancel)
      yield {
        kind: 'input_request',
        id,
        method,
        params,
        withdrawn: cancel,
        answer: (answer, expired) => take(id, answer, expired),
      }
    }
    while (!failure && !isComplete(continuation)) await wakeup.next()
    if (failure) throw failure
    return continuation
  } finally {
    stopListening()
    for (const [id, cancel] of withdrawn) if (isOpen(continuation, id)) cancel.cancel('the call is over')
  }
}

/** The longest error text of a client that is passed on. */
const maxErrorChars = 500

function unanswered(method: string, answer: Answer, expired: boolean): Refusal {
  const refused = (message: string): Refusal => new Refusal('input_not_provided', { message })
  if (answer.kind === 'result') return refused('The answers of the client are too large to be passed on.')
  const { code, message } = answer.error.value
  const text = typeof message === 'string' ? message.slice(0, maxErrorChars) : ''
  // mcplex made this answer: it says why the client gave none.
  if (expired) return refused(`The server's ${method} has no answer: ${text}.`)
  return refused(`The client answered the server's ${method} with an error: ${Number(code)} ${text}`)
}

/**
 * Waits before the server is called again, or until the call is cancelled. Throws `too_many_rounds` after the last try.
 */
async function pauseBeforeRepeat(tries: number, { cancel }: Call, clock: Clock): Promise<void> {
  if (tries > maxRepeats) throw new Refusal('too_many_rounds')
  await pauseUnless([cancel], clock, backOffMs(repeatPauses, tries))
}

/**
 * The stored record of a continuation: what another instance needs to continue the call. Writes of one record run one
 * after the other, so that the last one wins; docs/storage.md has the key.
 */
interface ContinuationRecord {
  /** Notes the outcome that holds the server's input requests: its bytes count with the record until the next round. */
  noteInputRequests(outcome: Outcome): void
  /** Counts what the continuation keeps. Throws `memory_share_exceeded` or `overloaded` if that is too much. */
  count(continuation: Continuation): void
  /** Counts the continuation, and resolves when it is stored. Throws `store_unavailable`, and what `count` throws. */
  write(continuation: Continuation): Promise<void>
  /** Removes the record. If that fails, it expires by its time to live. */
  remove(): void
}

/**
 * @param ttlMs how long the store keeps the record after each write, in milliseconds
 * @param memory counts its bytes; closed with the call
 */
function createContinuationRecord(
  records: Records,
  key: string,
  ttlMs: number,
  memory: MemoryAccount | undefined,
): ContinuationRecord {
  let counted = 0
  let inputRequestBytes = 0
  let last: Promise<unknown> = Promise.resolve()
  let isBegun = false

  const write = async (continuation: Continuation): Promise<void> => {
    const stored = isBegun ? await records.read(key) : undefined
    isBegun = true
    if (stored) await records.replace(key, { ...continuation }, stored.version, ttlMs)
    else await records.create(key, { ...continuation }, ttlMs)
  }
  const afterLast = <Value>(step: () => Promise<Value>): Promise<Value> => {
    const next = last.then(step)
    last = next.catch(() => undefined)
    return next
  }

  const count = (continuation: Continuation): void => {
    const bytes = bytesOfValue(continuation) + inputRequestBytes
    if (!memory) return
    if (bytes > counted) reserve(memory, bytes - counted)
    else memory.release(counted - bytes)
    counted = bytes
  }

  return {
    noteInputRequests({ answer }) {
      inputRequestBytes = heldBytesOf(answer.kind === 'result' ? answer.result : answer.error)
    },
    count,
    async write(continuation) {
      count(continuation)
      await afterLast(() => write(continuation))
    },
    remove() {
      void afterLast(async () => isBegun && records.remove(key)).catch(() => undefined)
    },
  }
}
