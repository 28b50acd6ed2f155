/** The modules and settings that serving needs, as one value. Built by gateway.ts. */
import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { Log } from '../base/log.ts'
import type { CoarseTimers } from '../base/coarse-timers.ts'
import type { ClientKey } from '../protocol/call.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { SessionSettings } from '../sessions/options.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import type { PendingInput } from './interaction/pending-input.ts'
import type { ClientMemory } from './client-memory.ts'
import type { Drain } from './drain.ts'
import type { SessionNotifications } from './legacy/notifications.ts'
import type { Continuations } from './interaction/continuation.ts'
import type { RequestStateCodec } from './interaction/request-state.ts'
import type { SseSessions } from './legacy/http-sse-sessions.ts'
import type { SuspendedCalls } from './interaction/suspended-calls.ts'

export interface GatewayServices {
  readonly sessionSettings: SessionSettings
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  readonly timers: CoarseTimers
  readonly sessions: Sessions
  readonly sseSessions: SseSessions
  readonly catalog: Catalog
  readonly upstream: Upstream
  readonly pendingInput: PendingInput
  readonly sessionNotifications: SessionNotifications
  readonly drain: Drain
  readonly continuations: Continuations
  readonly requestState: RequestStateCodec
  readonly suspended: SuspendedCalls
  readonly clientMemory: ClientMemory
  /** A key for a client without a session, which is known only by its call. */
  readonly nextClientKey: () => ClientKey
}
