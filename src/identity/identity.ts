/**
 * Who is calling: accepts or refuses the credentials of each request, by the settings in force, and tells when some that were
 * accepted are not any more. A client learns only that it is refused; the reason is for the log and the metrics.
 */
import { type Awaitable, isPending } from '../base/awaitable.ts'
import { type Clock, wallMs } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import { shortId } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import { Refusal } from '../base/refusal.ts'
import { watchFiles } from '../base/watch-files.ts'
import type { Principal } from '../protocol/call.ts'
import type { Inbound } from '../protocol/inbound.ts'
import type { JsonObject } from '../protocol/json-text.ts'
import { audiencesOf, bearerChallenge, metadataUrl, resourceMetadata } from '../protocol/resource-metadata.ts'
import { holdsApiKey } from './api-key.ts'
import { acceptWithoutCredentials, type Authenticate } from './authenticate.ts'
import { credentialsOf } from './credentials.ts'
import { type KeyDecision, keysIssuer } from './known-keys.ts'
import type { AuthSettings } from './options.ts'
import { mayHaveCredentials, type ProxyDecision, proxyIssuer } from './proxy-callers.ts'
import { prepareAuth, type ReadyAuth, readKeys, withKeysOfNow } from './ready-auth.ts'
import type { ScopedRequest } from './scope-rules.ts'
import type { TokenDecision } from './tokens.ts'

export interface Identity {
  readonly authenticate: Authenticate
  /** API keys that are accepted; undefined where keys are not. */
  readonly keyCount: number | undefined
  /** Whether the credentials with which a request began are still good. */
  isValid(principal: Principal): boolean
  /** Whether a principal can have good credentials at all: else nothing need be kept for it. */
  mayReturn(principal: Principal): boolean
  /**
   * @param asked by all messages of a request
   * @throws Refusal `insufficient_scope`
   */
  checkScopes(principal: Principal, asked: readonly ScopedRequest[], path: string): void
  /** Forgets what was learnt of the tokens of a tenant. @returns of how many */
  forget(tenant: string): number
  /** The metadata of the endpoint at a path; undefined if no tokens are accepted. */
  metadataOf(path: string): JsonObject | undefined
  /** @throws KeysFileError */
  prepare(settings: AuthSettings): ReadyAuth
  take(ready: ReadyAuth): void
  close(): void
}

export interface IdentityNeeds {
  readonly settings: AuthSettings
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  /** Called when credentials that were good may not be good any more. */
  readonly changed: () => void
}

/** Together less than a second, which is what revocation is promised in. */
const lookEveryMs = 500
const settleMs = 50

/** When an issuer that did not answer is asked again. */
const askAgainMs = 2000

/** What a refusal counts as, if nothing was sent. */
const noMethod = 'none'
const tokenMethod = 'oauth'

type Decision = KeyDecision | TokenDecision | ProxyDecision

/** @throws KeysFileError */
export function createIdentity(needs: IdentityNeeds): Identity {
  const { clock, log, events, changed } = needs
  let now = prepareAuth(needs.settings, needs)
  let stop = watch(now)

  const notRead = (error: unknown): void =>
    log.error({ err: error }, 'the keys file was not read: the keys before stay in force')

  /** Reads the keys again when their file changes. One that cannot be used changes nothing: the keys before stay in force. */
  function watch({ settings: { keysFile }, keys, stamp: since }: ReadyAuth): () => void {
    if (!keys || keysFile === undefined) return () => {}
    const paths = [keysFile]
    return watchFiles(
      {
        paths: () => paths,
        everyMs: lookEveryMs,
        since,
        settleMs,
        changed() {
          try {
            now = { ...now, ...readKeys(now.settings), readAtMs: clock.now() }
          } catch (error) {
            return notRead(error)
          }
          log.info({ keys: now.keys?.count(wallMs()) }, 'the keys file was read again')
          changed()
        },
      },
      clock,
    )
  }

  const challenge = (
    path: string,
    error: 'invalid_token' | 'insufficient_scope' | undefined,
    scopes: readonly string[],
  ): Record<string, string> => {
    const { publicUrl } = now.settings
    const metadata = now.tokens && publicUrl !== undefined ? metadataUrl(publicUrl, path) : undefined
    return { 'WWW-Authenticate': bearerChallenge({ error, scopes, metadata }) }
  }

  /** One answer for all reasons: what is wrong with credentials helps only those who try them out. [RFC 6750, 3.1] */
  const refuse = (inbound: Inbound, method: string, reason: string, keyId?: string): never => {
    const requestId = shortId()
    events.emit('authDecision', { method, result: 'refused', reason, keyId, requestId })
    const error = reason === 'missing' || method === proxyIssuer ? undefined : 'invalid_token'
    // The client does best to keep its token, and to come again.
    if (reason === 'introspection_unavailable')
      throw new Refusal('issuer_unavailable', { data: { requestId }, retryAfterMs: askAgainMs })
    const headers = challenge(inbound.path, error, now.tokens ? now.rules.scopes : [])
    throw new Refusal('unauthorized', { headers, data: { requestId } })
  }

  const decide = (inbound: Inbound, method: string, decision: Decision): Principal => {
    const keyId = 'principal' in decision ? decision.principal.keyId : 'keyId' in decision ? decision.keyId : undefined
    if ('fault' in decision) return refuse(inbound, method, decision.fault, keyId)
    events.emit('authDecision', { method, result: 'accepted', reason: 'ok', keyId, requestId: undefined })
    return decision.principal
  }

  const authenticate = (inbound: Inbound): Awaitable<Principal> => {
    const { keys, tokens, proxy, settings } = now
    if (!keys && !tokens && !proxy) return acceptWithoutCredentials(inbound)
    const byProxy = proxy?.check(inbound)
    if (byProxy && ('principal' in byProxy || !mayHaveCredentials(byProxy.fault) || (!keys && !tokens)))
      return decide(inbound, proxyIssuer, byProxy)
    const credentials = credentialsOf(inbound)
    if ('fault' in credentials) {
      const isOfProxy = byProxy && byProxy.fault !== 'missing' && credentials.fault === 'missing'
      return isOfProxy ? decide(inbound, proxyIssuer, byProxy) : refuse(inbound, noMethod, credentials.fault)
    }
    const { token } = credentials
    if (!tokens || (keys && holdsApiKey(token)))
      return decide(inbound, keysIssuer, keys?.check(token, wallMs()) ?? { fault: 'malformed', keyId: undefined })
    const decision = tokens.check(token, audiencesOf(settings.publicUrl ?? '', inbound.path))
    if (isPending(decision))
      return Promise.resolve(decision).then((found) =>
        // Other settings may have been taken over meanwhile.
        now.tokens === tokens ? decide(inbound, tokenMethod, found) : authenticate(inbound),
      )
    return decide(inbound, tokenMethod, decision)
  }

  const isOpen = (): boolean => !now.keys && !now.tokens && !now.proxy

  return {
    authenticate,
    get keyCount() {
      return now.keys?.count(wallMs())
    },
    isValid(principal) {
      const { issuer, expiresAtMs = Infinity } = principal
      if (issuer === undefined) return isOpen()
      if (issuer === proxyIssuer) return now.proxy?.accepts(principal) === true
      if (issuer === keysIssuer) return now.keys?.isValid(principal, wallMs()) === true
      return now.tokens?.accepts(principal) === true && wallMs() < expiresAtMs
    },
    mayReturn(principal) {
      const { issuer } = principal
      if (issuer === undefined) return isOpen()
      if (issuer === proxyIssuer) return now.proxy !== undefined
      return issuer === keysIssuer
        ? now.keys?.hasOwner(principal, wallMs()) === true
        : now.tokens?.knows(issuer) === true
    },
    checkScopes({ scopes }, asked, path) {
      const needed = now.rules.lackedBy(scopes, asked)
      if (needed) throw new Refusal('insufficient_scope', { headers: challenge(path, 'insufficient_scope', needed) })
    },
    forget: (tenant) => now.tokens?.forget(tenant) ?? 0,
    metadataOf(path) {
      const { publicUrl } = now.settings
      if (!now.tokens || publicUrl === undefined) return undefined
      return resourceMetadata(
        publicUrl,
        path,
        now.issuers.map(({ issuer }) => issuer),
        now.rules.scopes,
      )
    },
    prepare: (settings) => prepareAuth(settings, needs, now),
    take(ready) {
      now = withKeysOfNow(ready, now, clock, notRead)
      stop()
      stop = watch(now)
      changed()
    },
    close: () => stop(),
  }
}
