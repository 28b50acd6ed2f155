/** Test tools for embedders: `import { ... } from 'mcplex/testing'`. */
export type {
  Algorithm,
  Backplane,
  Decision,
  JournalBounds,
  JournalPage,
  Journals,
  StoredObject,
  Limits,
  LimitState,
  LimitStep,
  Mailboxes,
  Position,
  Records,
  Slots,
  StoredEvent,
  Versioned,
} from '../backplane/backplane.ts'
export { createMemoryBackplane } from '../backplane/memory.ts'
export { manualClock } from '../base/clock.ts'
export type { Clock, ManualClock, Timer } from '../base/clock.ts'
export type { Catalog } from '../catalog/catalog.ts'
export { backplaneContract } from './backplane-contract.ts'
export type { BackplaneContract, StoreUnderTest } from './backplane-contract.ts'
export { contractWindow } from './contract/limits.ts'
export type {
  Call,
  Caller,
  ClientDescription,
  Filter,
  InputRequest,
  Notification,
  Outcome,
  Reply,
  Update,
} from '../protocol/call.ts'
export { UpstreamStartError } from '../upstreams/upstream.ts'
export type {
  CatalogSource,
  ServerEraInfo,
  SingleUpstream,
  Subscriber,
  Subscription,
  Upstream,
  UpstreamFacts,
  WorkerFacts,
} from '../upstreams/upstream.ts'
export { upstreamContract } from './upstream-contract.ts'
export type { UpstreamContract, UpstreamUnderTest } from './upstream-contract.ts'
