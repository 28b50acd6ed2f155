/**
 * Whose requests are: authenticates each one, and ends what was begun with credentials that are not good any more: requests in
 * flight, streams, and the sessions of principals that have no credentials left.
 */
import { type Clock, wallMs } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { Log } from '../base/log.ts'
import type { Settings } from '../config/settings.ts'
import { acceptWithoutCredentials, type Authenticate } from '../identity/authenticate.ts'
import { createIdentity, type Identity } from '../identity/identity.ts'
import type { ScopedRequest } from '../identity/scope-rules.ts'
import { Refusal } from '../base/refusal.ts'
import type { Principal } from '../protocol/call.ts'
import { errorResponse } from '../protocol/error-response.ts'
import { type Inbound, jsonHeaders, type Outbound } from '../protocol/inbound.ts'
import type { JsonObject } from '../protocol/json-text.ts'
import { describedEndpoint } from '../protocol/resource-metadata.ts'
import type { Sessions } from '../sessions/sessions.ts'
import { HeldRequests } from './held-requests.ts'

export interface CallerIdentity {
  readonly authenticate: Authenticate
  readonly heldRequests: HeldRequests
  /** Refuses with `insufficient_scope`. See `Identity.checkScopes`. */
  checkScopes(principal: Principal, asked: readonly ScopedRequest[], path: string): void
  /** Forgets what was learnt of the tokens of a tenant. @returns of how many */
  forget(tenant: string): number
  /** The answer to a request for the metadata of an endpoint; undefined if it is for something else. */
  metadata(inbound: Inbound): Promise<Outbound> | undefined
  /** Figures for the health report. */
  counts(): Readonly<Record<string, number>>
  /**
   * Reads what other settings need. The returned function takes them over.
   * @throws KeysFileError
   */
  prepare(settings: Settings['auth']): () => void
  close(): void
}

export interface CallerIdentityNeeds {
  /**
   * What the gateway is made of. A program may authenticate by itself, in place of the settings; a client over pipes has
   * started mcplex itself, and proves nothing.
   */
  readonly parts: {
    readonly settings: Pick<Settings, 'auth'>
    readonly authenticate?: Authenticate
    readonly hasOneClient?: boolean
  }
  readonly sessions: Pick<Sessions, 'all' | 'end'>
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
}

/** How soon a stream ends after its credentials, in milliseconds. */
const lookEveryMs = 500
/** How soon a session ends after the last key of its principal, in milliseconds. */
const lookAtSessionsEveryMs = 5000

/** @throws KeysFileError */
export function createCallerIdentity(needs: CallerIdentityNeeds): CallerIdentity {
  const { parts, sessions, clock, log, events } = needs
  const { settings, authenticate: own, hasOneClient = false } = parts
  const isOwn = own !== undefined || hasOneClient
  const heldRequests = new HeldRequests(!isOwn)

  const endSessions = (): void => {
    for (const live of sessions.all())
      if (identity?.mayReturn(live.session.principal) === false) sessions.end(live, 'revoked').catch(() => undefined)
  }
  const changed = (): void => {
    heldRequests.endUnless(isValid)
    endSessions()
  }
  const identity: Identity | undefined = isOwn
    ? undefined
    : createIdentity({ settings: settings.auth, clock, log, events, changed })

  const isValid = (principal: Principal): boolean => {
    if (identity) return identity.isValid(principal)
    return principal.expiresAtMs === undefined || wallMs() < principal.expiresAtMs
  }

  const looking = clock.every(lookEveryMs, () => {
    if (heldRequests.count > 0) heldRequests.endUnless(isValid)
  })
  // Keys also end by time, which nothing tells.
  const lookingAtSessions = identity && clock.every(lookAtSessionsEveryMs, endSessions)

  return {
    authenticate: identity?.authenticate ?? own ?? acceptWithoutCredentials,
    heldRequests,
    checkScopes: (principal, asked, path) => identity?.checkScopes(principal, asked, path),
    forget: (tenant) => identity?.forget(tenant) ?? 0,
    metadata({ method, path }) {
      const endpoint = describedEndpoint(path)
      return endpoint === undefined
        ? undefined
        : Promise.resolve(metadataAnswer(method, identity?.metadataOf(endpoint)))
    },
    counts: () => (identity?.keyCount === undefined ? {} : { apiKeys: identity.keyCount }),
    prepare(next) {
      const ready = identity?.prepare(next)
      return () => ready && identity?.take(ready)
    },
    close() {
      looking.stop()
      lookingAtSessions?.stop()
      identity?.close()
    },
  }
}

function metadataAnswer(method: string, metadata: JsonObject | undefined): Outbound {
  if (!metadata) return errorResponse(new Refusal('not_found'))
  if (method !== 'GET') return errorResponse(new Refusal('method_not_allowed', { headers: { Allow: 'GET' } }))
  return { status: 200, headers: { ...jsonHeaders, 'Cache-Control': 'max-age=300' }, body: JSON.stringify(metadata) }
}
