/**
 * Requests that come while the server starts. Few clients try again after a refusal, and none reads `Retry-After`, so
 * they wait until the start succeeds or fails: as many as may wait for a place, and no longer than a start may take.
 */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { Refusal } from '../base/refusal.ts'
import type { Authenticate } from '../identity/authenticate.ts'
import { streamPath } from '../protocol/http-sse.ts'
import { header, type Inbound, type Outbound } from '../protocol/inbound.ts'
import type { RawObject } from '../protocol/json-text.ts'
import type { Message, RequestMessage } from '../protocol/jsonrpc.ts'
import { notServed, readEnvelope } from '../protocol/modern-server.ts'
import { type RequestIdHolder, parseIncoming, readIncoming } from '../protocol/incoming.ts'
import { answerable, errorResponse, refusalText } from '../protocol/error-response.ts'
import { discovery, mirrorsIn } from './modern/discovery.ts'

export interface StartWait {
  /** Waits for the start, then has `serve` answer the exchange. Never rejects. */
  answer(inbound: Inbound, serve: (inbound: Inbound) => Promise<Outbound>): Promise<Outbound>
  /** `server/discover` is answered by what the server has said of itself, from now on. */
  discovered(serverDescription: RawObject): void
  /** The start has succeeded, failed, or will not end: tells all that wait. */
  end(refusal: Refusal | undefined): void
  readonly waiting: number
}

/**
 * A client of both eras gives its first question 5 s and takes any refusal of the service as final, so it is answered
 * before: as by a session-based server, since `initialize` may then wait for the start.
 */
const discoverMs = 4000

export function createStartWait(needs: {
  readonly authenticate: Authenticate
  /** How many may wait at once. */
  readonly queue: number
  readonly startTimeoutMs: number
  readonly clock: Clock
  readonly log: Log
}): StartWait {
  const { clock } = needs
  const waiters = new Set<(refusal: Refusal | undefined) => void>()
  /** Those of them that wait for what the server says of itself. */
  const discovering = new Set<(refusal: undefined) => void>()
  let serverDescription: RawObject | undefined

  /**
   * Resolves when the server has started. Throws the refusal that ended the wait.
   * @param isDiscover whether what the server says of itself is enough
   */
  const started = (inbound: Inbound, ms: number, isDiscover: boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      let stop = (): void => {}
      const settle = (refusal: Refusal | undefined): void => {
        waiters.delete(settle)
        discovering.delete(settle)
        timer.stop()
        stop()
        if (refusal) reject(refusal)
        else resolve()
      }
      const timer = clock.after(ms, () => settle(new Refusal('starting')))
      waiters.add(settle)
      if (isDiscover) discovering.add(settle)
      stop = inbound.closed.onCancel(() => settle(new Refusal('cancelled')))
    })

  /** Waits for the start; the answer to a request that is answered without it. Throws a `Refusal`. */
  const wait = async (inbound: Inbound, naming: RequestIdHolder): Promise<Outbound | undefined> => {
    needs.authenticate(inbound)
    // Some clients look whether there is a stream before they say a word: that needs no server.
    const isOfSession = inbound.method !== 'POST' && inbound.path !== streamPath
    if (isOfSession && header(inbound, 'mcp-session-id') === undefined) throw new Refusal('session_required')
    const message = inbound.method === 'POST' ? await messageOf(inbound, naming) : undefined
    const question = message?.kind === 'request' && message.method === 'server/discover' ? message : undefined
    const isWellWorded = question !== undefined && isWellWordedDiscover(question, inbound)
    if (question && isWellWorded && serverDescription) return discovery(question.id, serverDescription)
    try {
      if (inbound.closed.cancelled) throw new Refusal('cancelled')
      if (waiters.size >= needs.queue) throw new Refusal('starting')
      const ms = question ? Math.min(discoverMs, needs.startTimeoutMs) : needs.startTimeoutMs
      await started(inbound, ms, isWellWorded)
    } catch (error) {
      throw question ? notServed(question, header(inbound, 'mcp-protocol-version'), stillStarting) : error
    }
    return question && isWellWorded && serverDescription ? discovery(question.id, serverDescription) : undefined
  }

  return {
    async answer(inbound, serve) {
      const naming: RequestIdHolder = { id: undefined, isBodyRead: false }
      try {
        const answered = await wait(inbound, naming)
        if (answered) return answered
      } catch (error) {
        const refusal = answerable(error, needs.log)
        const isUnread = inbound.method === 'POST' && !naming.isBodyRead
        return isUnread ? refusalText(refusal) : errorResponse(refusal, naming.id)
      }
      return serve(inbound)
    },
    discovered(said) {
      serverDescription = said
      for (const settle of [...discovering]) settle(undefined)
    },
    end(refusal) {
      for (const settle of [...waiters]) settle(refusal)
    },
    get waiting() {
      return waiters.size
    },
  }
}

const stillStarting = 'The server is still starting, and it is not known yet whether it is stateless: send initialize.'

/** Whether a `server/discover` is right in every way; what is wrong with it is said after the start. */
function isWellWordedDiscover(message: RequestMessage, inbound: Inbound): boolean {
  try {
    readEnvelope(message, mirrorsIn(inbound), false)
    return true
  } catch {
    return false
  }
}

/** The message of a body; undefined for a batch. */
async function messageOf(inbound: Inbound, naming: RequestIdHolder): Promise<Message | undefined> {
  const text = await inbound.body()
  naming.isBodyRead = true
  const value = parseIncoming(text)
  return Array.isArray(value) ? undefined : readIncoming(text, value, naming)
}
