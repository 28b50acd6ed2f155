/** What goes between this thread and the thread of a module. Plain data. */
import type { JsonObject } from '../../base/json.ts'
import type { SharedResourceFacts } from '../../base/shared-resource-facts.ts'
import type { CallerFacts, ObjectEnd } from './object-host.ts'

/** To the thread. `object` is the number of a server object. */
export type ToThread =
  | { readonly kind: 'open'; readonly object: number; readonly owner: CallerFacts | undefined }
  | { readonly kind: 'send'; readonly object: number; readonly line: string; readonly facts: CallerFacts | undefined }
  | { readonly kind: 'hold'; readonly object: number; readonly isHeld: boolean }
  | { readonly kind: 'close'; readonly object: number }
  /** Its server objects are closed: it ends what they have shared, and is ended itself then. */
  | { readonly kind: 'finish' }
  | { readonly kind: 'given'; readonly request: number; readonly value: unknown }
  | { readonly kind: 'refused'; readonly request: number; readonly words: string }

/** From the thread. */
export type FromThread =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'not_loaded'; readonly words: string }
  | { readonly kind: 'message'; readonly object: number; readonly text: string; readonly callId: number | undefined }
  | { readonly kind: 'ended'; readonly object: number; readonly end: ObjectEnd }
  | { readonly kind: 'complained'; readonly object: number | undefined; readonly end: ObjectEnd }
  | { readonly kind: 'closed'; readonly object: number }
  | {
      readonly kind: 'counts'
      readonly counts: Readonly<Record<string, number>>
      readonly sharedResources: readonly SharedResourceFacts[]
    }
  | { readonly kind: 'finished' }
  | ({ readonly kind: 'request'; readonly request: number } & SessionRequest)

/** What a handler in the thread wants of the session of its caller. */
export type SessionRequest =
  | { readonly what: 'read' | 'history'; readonly facts: CallerFacts }
  | { readonly what: 'replace'; readonly facts: CallerFacts; readonly values: JsonObject; readonly version: number }

/** What the thread is started with. */
export interface ThreadStart {
  readonly module: string
}
