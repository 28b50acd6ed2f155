/**
 * Every observable event by name and shape. Modules emit events; metrics, logs and feeds listen. An emitter does not know
 * its listeners, and an error thrown by a listener is ignored.
 */

export interface Events {
  /** A session began. `client` is what the client calls itself, at most 128 characters of it. */
  sessionOpened: {
    session: string
    tenant: string
    version: string
    client: string | undefined
    /** The version that the client says it has, at most 32 characters of it. */
    clientVersion: string | undefined
  }
  /** A session ended; `reason` is from a closed set. */
  sessionEnded: SessionEnded
  /** A call ended. `status` is `ok`, `tool_error`, `error`, `cancelled` or a refusal code. */
  callEnded: CallEnded
  /**
   * The credentials of a request were accepted or refused. `method` is `keys`, `oauth` or `proxy`, or `none` if nothing was
   * sent, `result` is `accepted` or `refused`, `reason` is from a closed set; `keyId` is no secret. A refusal has the id that
   * its client is told.
   */
  authDecision: {
    method: string
    result: string
    reason: string
    keyId: string | undefined
    requestId: string | undefined
  }
  /** A request was refused before there was a call. `client` is the name that the client has told, as far as it is known. */
  refused: { code: string; tenant: string | undefined; client: string | undefined; requestId: string }
  /**
   * A feature was switched off under overload, or on again. `step` is how many are off, `because` what was highest
   * when it was switched off: `event_loop`, `memory` or `queue`.
   */
  overloadStep: { step: number; feature: string; isOff: boolean; because: string }
  /** An upstream serves that was missing when the gateway had started. `tools` is how many it lists to a client without capabilities. */
  upstreamReady: { upstream: string; tools: number; sharing: { sessions: string; stateless: string } }
  /** An upstream was paused or disabled, or takes calls again (`open`). */
  upstreamAccess: { upstream: string; access: 'open' | 'paused' | 'disabled' }
  /** The circuit breaker of an upstream has opened, lets one call through, or has closed. */
  upstreamBreaker: { upstream: string; state: 'closed' | 'open' | 'half_open'; isForced: boolean }
  /** A call whose worker had ended ran once more on another one; `result` is `answered`, `failed` or `cancelled`. */
  callRetried: { upstream: string; result: 'answered' | 'failed' | 'cancelled' }
  /** A policy has decided on a call, `before` it runs or `after`; `failed` if no decision could be had. */
  policyDecision: {
    upstream: string
    phase: 'before' | 'after'
    result: 'passed' | 'changed' | 'refused' | 'failed'
    durationMs: number
  }
  /**
   * A worker was started, or ended; `expected` is true if mcplex ended it, false for a crash, and `reason` is from a closed
   * set. `worker` counts up from 1 for each upstream; `purpose` is `serve`, `spare`, `catalog` or `check`. `upstream` is its
   * name, where there may be several.
   */
  workerStarted: { worker: number; pid: number; purpose: string; upstream?: string }
  workerEnded: {
    worker: number
    code: number | null
    signal: string | null
    expected: boolean
    reason: WorkerEnd
    upstream?: string
  }
  /** Output of an upstream was dropped because it could not be attributed or understood, or a client's notification that fits no upstream. */
  dropped: { what: DroppedThing; count: number }
  /** A tool is defined in a way that was not seen before; `change` is `changed` or `added`, `hash` that of the definition. */
  definitionChanged: { tool: string; change: string; hash: string; isHeld: boolean }
  /** A shared server sent an input request that cannot be attributed to one of its clients. */
  unattributedServerRequest: { method: string }
}

export interface SessionEnded {
  session: string
  tenant: string
  reason: SessionEnd
  ageMs: number
  calls: number
  /** What the client calls itself, at most 128 characters of it. */
  client: string | undefined
  /** The last of its calls that did not end with `ok`. */
  lastError: LastError | undefined
}

/** A call that did not end with `ok`, as `CallEnded` has it. `at` is when it began, in milliseconds since the epoch. */
export interface LastError {
  readonly method: string
  readonly tool: string | undefined
  readonly status: string
  readonly at: number
}

export interface CallEnded {
  /** Tells it from other calls: in the log, and in the error of a client that mcplex itself has refused. */
  requestId: string
  /** A method of the specification, or `unknown`. */
  method: string
  /** The tool or prompt that was called for: a name that the server lists, or `unknown`. */
  tool: string | undefined
  tenant: string
  /** For listeners that the tenant allows to know it; no metric has it. */
  subject: string
  session: string | undefined
  /** What the client calls itself, at most 128 characters of it. */
  client: string | undefined
  /** The version that the client says it has, at most 32 characters of it. */
  clientVersion: string | undefined
  /** The name of the upstream that the call was for; undefined if what it names is that of none, or of several. */
  upstream: string | undefined
  /** The era of the client, and that of the server if it answered: `session-based` or `stateless`. */
  era: string
  upstreamEra: string | undefined
  status: string
  durationMs: number
  /** How much of `durationMs` the call waited for a worker; undefined if no worker answered it. */
  queueMs: number | undefined
}

/** Why sessions end. */
export const sessionEnds = [
  'client',
  'idle',
  'max_age',
  'no_handshake',
  'evicted',
  'drain',
  'operator',
  'revoked',
  'tenant_removed',
  'endpoint_removed',
  'purged',
] as const
export type SessionEnd = (typeof sessionEnds)[number]

/** Why workers end. What mcplex did comes first, then what the server did. */
export const workerEnds = [
  /** The session, user or call that it was for has ended. */
  'client_gone',
  'idle',
  /** It was idle, and another worker needed its place. */
  'evicted',
  /** A spare, a worker for lists or a second try of a start that is of no use any more. */
  'not_needed',
  /** Replaced by hand, or because it was this old, had this many calls, or took this much memory. */
  'recycled',
  'recycled_age',
  'recycled_calls',
  'recycled_memory',
  /** All of a tenant was ended. */
  'purged',
  /** Its server was ended: with mcplex, or because another configuration has another one. */
  'stopped',
  /** It needed more memory than it may have. */
  'memory_limit',
  'unresponsive',
  /** It sent requests without reading the answers. */
  'answers_unread',
  /** It ended, or was silent or wrong, before its handshake was done. */
  'start_failed',
  /** It ended by itself. */
  'crash',
  /** An error of mcplex: the worker may be in any state. */
  'fault',
] as const
export type WorkerEnd = (typeof workerEnds)[number]
export type DroppedThing =
  'stdout_line' | 'stderr_line' | 'response' | 'progress' | 'log' | 'notification' | 'client_notification'

export type EventName = keyof Events

export interface EventSink {
  emit<Name extends EventName>(name: Name, event: Events[Name]): void
}

export interface EventSource {
  /** Calls `listener` for each event of that name. Returns a function that removes the listener. */
  on<Name extends EventName>(name: Name, listener: (event: Events[Name]) => void): () => void
}

export function createEvents(): EventSink & EventSource {
  const listeners = new Map<EventName, Array<(event: never) => void>>()
  return {
    emit(name, event) {
      for (const listener of listeners.get(name) ?? []) {
        try {
          // Only `on` adds listeners, so the list of a name holds listeners of that event alone.
          ;(listener as (event: Events[typeof name]) => void)(event)
        } catch {
          // A failing listener must not affect the emitter or other listeners.
        }
      }
    },
    on(name, listener) {
      const list = listeners.get(name) ?? []
      listeners.set(name, list)
      list.push(listener)
      return () => void list.splice(list.indexOf(listener), 1)
    },
  }
}
