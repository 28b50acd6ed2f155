/**
 * Holds requests that come while the server starts. Few clients try again after a refusal, and none reads
 * `Retry-After`, so requests wait until the start succeeds or fails: at all endpoints together at most as many as the
 * admission queue holds, and no longer than a start may take.
 */
import type { Clock } from '../base/clock.ts'
import { Refusal } from '../base/refusal.ts'
import { WaitingLine } from '../base/waiting-line.ts'
import { header, type Inbound } from '../protocol/inbound.ts'
import type { RawObject } from '../protocol/json-text.ts'
import type { RequestMessage } from '../protocol/jsonrpc.ts'
import { notServed, readEnvelope } from '../protocol/modern-server.ts'
import { mirrorsIn } from './modern/discovery.ts'

/** What is known of the server once it has started, as far as requests are refused by it. */
export interface StartedServer {
  /** Whether clients without sessions are told to open one, because they would share workers with other clients. */
  readonly refusesStateless: boolean
  /** Whether the server announces extensions: their methods are then forwarded. */
  readonly extensions: boolean
}

/** The room for requests that wait, at all endpoints of a gateway together. */
export interface StartRoom {
  /** How many more may wait. */
  free: number
}

export interface StartWait {
  /** Undefined until the server has started. */
  readonly server: StartedServer | undefined
  /**
   * Resolves when the server has started; for `server/discover` perhaps earlier, with the description to answer with.
   * Rejects with a `Refusal`: `starting`, that of a start that failed, `cancelled`, `discover_refused`.
   * @param rpcRequest the request that waits, unless it is something else
   */
  wait(inbound: Inbound, rpcRequest: RequestMessage | undefined): Promise<RawObject | undefined>
  /** From now on, `server/discover` is answered with this description. */
  discovered(serverDescription: RawObject): void
  /** The server has started: ends the wait of all requests. */
  started(server: StartedServer): void
  /** The start has failed, or is given up: refuses all requests that wait, and those that come, unless a later one succeeds. */
  fail(refusal: Refusal): void
  readonly waiting: number
}

/**
 * A client of both eras waits 5 s for `server/discover` and takes a refusal of service as final. So it is answered
 * earlier, as a session-based server would: `initialize`, its next request, may then wait for the start.
 */
const discoverMs = 4000

export function createStartWait(needs: {
  /** How many requests may wait at once. */
  readonly queue: number
  readonly startRoom: StartRoom
  readonly startTimeoutMs: number
  readonly clock: Clock
}): StartWait {
  const line = new WaitingLine<
    'started',
    { /** Whether the server description is enough. */ readonly isDiscover: boolean }
  >({
    clock: needs.clock,
    bound: needs.queue,
    refusalWhenDue: () => new Refusal('starting'),
    onLeave: () => void needs.startRoom.free++,
  })
  let serverDescription: RawObject | undefined
  let server: StartedServer | undefined
  let failure: Refusal | undefined

  return {
    get server() {
      return server
    },
    async wait(inbound, rpcRequest) {
      const discover = rpcRequest?.method === 'server/discover' ? rpcRequest : undefined
      const isValid = discover !== undefined && isValidDiscover(discover, inbound)
      if (isValid && serverDescription) return serverDescription
      if (failure) throw failure
      try {
        const ms = discover ? Math.min(discoverMs, needs.startTimeoutMs) : needs.startTimeoutMs
        // All waits end together, so there is no turn to be fair about: they share one key.
        if (inbound.closed.cancelled) throw new Refusal('cancelled')
        const started =
          needs.startRoom.free > 0 ? line.wait([''], { isDiscover: isValid }, ms, inbound.closed) : undefined
        if (!started) throw new Refusal('starting')
        needs.startRoom.free--
        await started
      } catch (error) {
        throw discover ? notServed(discover, header(inbound, 'mcp-protocol-version'), stillStarting) : error
      }
      return isValid ? serverDescription : undefined
    },
    discovered(description) {
      serverDescription = description
      for (const waiter of line.waiters) if (waiter.about.isDiscover) waiter.give('started')
    },
    started(found) {
      server = found
      failure = undefined
      for (const waiter of line.waiters) waiter.give('started')
    },
    fail(refusal) {
      failure = refusal
      line.drain(refusal)
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
