/**
 * Who is calling: accepts or refuses the credentials of each request, by the settings in force, and tells when some that were
 * accepted are not any more. A client learns only that it is refused; the reason is for the log and the metrics.
 */
import { type Clock, wallMs } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { Log } from '../base/log.ts'
import { Refusal } from '../base/refusal.ts'
import { watchFiles } from '../base/watch-files.ts'
import type { Principal } from '../protocol/call.ts'
import { acceptWithoutCredentials, type Authenticate } from './authenticate.ts'
import { credentialsOf } from './credentials.ts'
import { keysIssuer } from './known-keys.ts'
import { prepareAuth, type ReadyAuth } from './ready-auth.ts'
import type { AuthSettings } from './options.ts'

export interface Identity {
  readonly authenticate: Authenticate
  /** Whether requests need credentials. */
  readonly isRequired: boolean
  /** API keys that are accepted; undefined where keys are not. */
  readonly keyCount: number | undefined
  /** Whether the credentials with which a request began are still good. */
  isValid(principal: Principal): boolean
  /** Whether a principal can have good credentials at all: else nothing need be kept for it. */
  mayReturn(principal: Principal): boolean
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

/** @throws KeysFileError */
export function createIdentity(needs: IdentityNeeds): Identity {
  const { clock, log, events, changed } = needs
  let now = prepareAuth(needs.settings)
  let stop = watch(now)

  /** Reads the keys again when their file changes. One that cannot be used changes nothing: the keys before stay in force. */
  function watch({ settings: { keysFile }, keys }: ReadyAuth): () => void {
    if (!keys || keysFile === undefined) return () => {}
    const paths = [keysFile]
    return watchFiles(
      {
        paths: () => paths,
        everyMs: lookEveryMs,
        settleMs,
        changed() {
          try {
            now = prepareAuth(now.settings)
          } catch (error) {
            return log.error({ err: error }, 'the keys file was not read: the keys before stay in force')
          }
          log.info({ keys: now.keys?.count(wallMs()) }, 'the keys file was read again')
          changed()
        },
      },
      clock,
    )
  }

  const refuse = (reason: string, wasSent: boolean, keyId?: string): never => {
    events.emit('authDecision', { method: keysIssuer, result: 'refused', reason, keyId })
    throw unauthorized(wasSent)
  }

  return {
    authenticate(inbound) {
      const { keys } = now
      if (!keys) return acceptWithoutCredentials(inbound)
      const credentials = credentialsOf(inbound)
      if ('fault' in credentials) return refuse(credentials.fault, credentials.fault !== 'missing')
      const decision = keys.check(credentials.token, wallMs())
      if ('fault' in decision) return refuse(decision.fault, true, decision.keyId)
      events.emit('authDecision', {
        method: keysIssuer,
        result: 'accepted',
        reason: 'ok',
        keyId: decision.principal.keyId,
      })
      return decision.principal
    },
    get isRequired() {
      return now.keys !== undefined
    },
    get keyCount() {
      return now.keys?.count(wallMs())
    },
    isValid(principal) {
      if (principal.issuer === undefined) return !now.keys
      return now.keys?.isValid(principal, wallMs()) === true
    },
    mayReturn(principal) {
      if (principal.issuer === undefined) return !now.keys
      return now.keys?.hasOwner(principal) === true
    },
    prepare: prepareAuth,
    take(ready) {
      now = ready
      stop()
      stop = watch(now)
      changed()
    },
    close: () => stop(),
  }
}

/** One for all reasons: what is wrong with credentials helps only those who try them out. [RFC 6750, 3.1] */
function unauthorized(wasSent: boolean): Refusal {
  const error = wasSent ? ', error="invalid_token"' : ''
  return new Refusal('unauthorized', { headers: { 'WWW-Authenticate': `Bearer realm="mcplex"${error}` } })
}
