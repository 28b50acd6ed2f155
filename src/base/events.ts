/**
 * Every observable fact by name and shape. Rooms say what happened; metrics, logs and feeds listen. Nobody who
 * emits knows who listens, and a listener that throws harms nobody.
 */

export interface Events {
  /** A session began. `client` is what the client calls itself, at most 128 characters of it. */
  sessionOpened: { session: string; tenant: string; version: string; client: string | undefined }
  /** A session ended; `reason` is from a closed set. */
  sessionEnded: { session: string; tenant: string; reason: SessionEnd; ageMs: number; calls: number }
  /** A call ended. `status` is `ok`, `tool_error`, `error`, `cancelled` or a refusal code. */
  callEnded: CallEnded
  /** Somebody was refused before there was a call. */
  refused: { code: string; tenant: string | undefined }
  /**
   * The process of a worker was started, or ended; `expected` tells ends that were asked for from crashes. `worker`
   * counts up from 1 in each gateway.
   */
  processStarted: { worker: number; pid: number; purpose: string }
  processEnded: { worker: number; code: number | null; signal: string | null; expected: boolean }
  /** Something of an upstream was dropped because it could not be attributed or understood, or of a client that had no addressee. */
  dropped: { what: DroppedThing; count: number }
  /** A shared server asked its client a question that nobody can be found for. */
  unattributedServerRequest: { method: string }
}

export interface CallEnded {
  /** A method of the specification, or `unknown`. */
  method: string
  /** The tool or prompt that was called for: a name that the server lists, or `unknown`. */
  tool: string | undefined
  tenant: string
  session: string | undefined
  /** The era of the client, and that of the server if it answered: `session-based` or `stateless`. */
  era: string
  upstreamEra: string | undefined
  status: string
  durationMs: number
  /** How much of that went by until there was a process for it; undefined if it never got an answer of one. */
  queueMs: number | undefined
}

export type SessionEnd = 'client' | 'idle' | 'max_age' | 'no_handshake' | 'evicted' | 'drain' | 'operator'
export type DroppedThing =
  'stdout_line' | 'stderr_line' | 'response' | 'progress' | 'log' | 'notification' | 'client_notification'

export type EventName = keyof Events

export interface EventSink {
  emit<Name extends EventName>(name: Name, event: Events[Name]): void
}

export interface EventSource {
  /** Calls `listener` for each event of that name; returns how to stop. */
  on<Name extends EventName>(name: Name, listener: (event: Events[Name]) => void): () => void
}

export function createEvents(): EventSink & EventSource {
  const listeners = new Map<EventName, Array<(event: never) => void>>()
  return {
    emit(name, event) {
      for (const listener of listeners.get(name) ?? []) {
        try {
          // The list under a name holds only listeners of that name's event: `on` is the one way in.
          ;(listener as (event: Events[typeof name]) => void)(event)
        } catch {
          // A listener's failure is its own.
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
