/**
 * Holds requests that come while the server starts. Few clients try again after a refusal, and none reads
 * `Retry-After`, so requests wait until the start succeeds or fails: at most as many as the admission queue holds, and
 * no longer than a start may take.
 */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { Refusal } from '../base/refusal.ts'
import { WaitingLine } from '../base/waiting-line.ts'
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
  /** From now on, `server/discover` is answered with this description. */
  discovered(serverDescription: RawObject): void
  /** Ends the wait of all requests: the start has succeeded, or failed with a refusal. */
  end(refusal: Refusal | undefined): void
  readonly waiting: number
}

/**
 * A client of both eras waits 5 s for `server/discover` and takes a refusal of service as final. So it is answered
 * earlier, as a session-based server would: `initialize`, its next request, may then wait for the start.
 */
const discoverMs = 4000

export function createStartWait(needs: {
  readonly authenticate: Authenticate
  /** How many requests may wait at once. */
  readonly queue: number
  readonly startTimeoutMs: number
  readonly clock: Clock
  readonly log: Log
}): StartWait {
  const line = new WaitingLine<
    'started',
    { /** Whether the server description is enough. */ readonly isDiscover: boolean }
  >({
    clock: needs.clock,
    bound: needs.queue,
    expired: () => new Refusal('starting'),
  })
  let serverDescription: RawObject | undefined

  /** Waits for the start. Returns the answer to a request that is answered without it. Throws a `Refusal`. */
  const wait = async (inbound: Inbound, idHolder: RequestIdHolder): Promise<Outbound | undefined> => {
    needs.authenticate(inbound)
    // Some clients try to open a stream before any request: they get their answer without the server.
    const isOfSession = inbound.method !== 'POST' && inbound.path !== streamPath
    if (isOfSession && header(inbound, 'mcp-session-id') === undefined) throw new Refusal('session_required')
    const message = inbound.method === 'POST' ? await messageOf(inbound, idHolder) : undefined
    const discover = message?.kind === 'request' && message.method === 'server/discover' ? message : undefined
    const isValid = discover !== undefined && isValidDiscover(discover, inbound)
    if (discover && isValid && serverDescription) return discovery(discover.id, serverDescription)
    try {
      const ms = discover ? Math.min(discoverMs, needs.startTimeoutMs) : needs.startTimeoutMs
      // All waits end together, so there is no turn to be fair about: they share one key.
      const started = line.wait('', { isDiscover: isValid }, ms, inbound.closed)
      if (!started) throw new Refusal('starting')
      await started
    } catch (error) {
      throw discover ? notServed(discover, header(inbound, 'mcp-protocol-version'), stillStarting) : error
    }
    return discover && isValid && serverDescription ? discovery(discover.id, serverDescription) : undefined
  }

  return {
    async answer(inbound, serve) {
      const idHolder: RequestIdHolder = { id: undefined, isBodyRead: false }
      try {
        const answered = await wait(inbound, idHolder)
        if (answered) return answered
      } catch (error) {
        const refusal = answerable(error, needs.log)
        const isUnread = inbound.method === 'POST' && !idHolder.isBodyRead
        return isUnread ? refusalText(refusal) : errorResponse(refusal, idHolder.id)
      }
      return serve(inbound)
    },
    discovered(description) {
      serverDescription = description
      for (const waiter of line.waiters) if (waiter.about.isDiscover) waiter.give('started')
    },
    end(refusal) {
      if (refusal) return line.drain(refusal)
      for (const waiter of line.waiters) waiter.give('started')
    },
    get waiting() {
      return line.size
    },
  }
}

const stillStarting = 'The server is still starting, and it is not known yet whether it is stateless: send initialize.'

/** Whether a `server/discover` is valid; an invalid one waits for the start and is refused then. */
function isValidDiscover(message: RequestMessage, inbound: Inbound): boolean {
  try {
    readEnvelope(message, mirrorsIn(inbound), false)
    return true
  } catch {
    return false
  }
}

/** Parses the body of a request; undefined for a batch. */
async function messageOf(inbound: Inbound, idHolder: RequestIdHolder): Promise<Message | undefined> {
  const text = await inbound.body()
  idHolder.isBodyRead = true
  const value = parseIncoming(text)
  return Array.isArray(value) ? undefined : readIncoming(text, value, idHolder)
}
