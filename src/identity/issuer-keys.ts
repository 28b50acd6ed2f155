/**
 * The public keys of an issuer, fetched when they are first needed. Promises that one fetch runs at a time, that a token with an
 * unknown key causes at most one fetch in 30 s, and that known keys serve for a day while the issuer cannot be reached.
 */
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { isObject, type JsonObject } from '../base/json.ts'
import { isFetchable } from '../base/fetchable-url.ts'
import { fetchJson } from '../base/fetch-json.ts'
import type { TrustedIssuer } from './issuer-line.ts'

/** The keys of an issuer cannot be had now. */
export class KeysUnavailable extends Error {
  constructor() {
    super('the keys of the issuer are not known, and cannot be fetched now')
    this.name = 'KeysUnavailable'
  }
}

/**
 * In milliseconds: when known keys are fetched again, how much older they may be before that is waited for, how long they
 * serve, and the pauses between two fetches.
 */
const times = {
  freshMs: 600_000,
  staleMs: 60_000,
  keptMs: 86_400_000,
  pauseMs: 30_000,
  firstPauseMs: 2000,
  fetchMs: 2000,
}
const maxBytes = 1024 ** 2

type FindKey = (...of: Parameters<JWTVerifyGetKey>) => ReturnType<JWTVerifyGetKey>

export class IssuerKeys {
  readonly #issuer: TrustedIssuer
  readonly #clock: Clock
  readonly #log: Log
  #find: FindKey | undefined
  #loadedAtMs = -Infinity
  #triedAtMs = -Infinity
  #loading: Promise<void> | undefined
  #hasFailed = false

  constructor(issuer: TrustedIssuer, clock: Clock, log: Log) {
    this.#issuer = issuer
    this.#clock = clock
    this.#log = log
  }

  /**
   * The key for a token. Rejects with `KeysUnavailable`, or as jose does if the issuer has no such key.
   */
  readonly keyFor: FindKey = async (header, token) => {
    const ageMs = this.#clock.now() - this.#loadedAtMs
    if (!this.#find || ageMs > times.keptMs) await this.#load()
    else if (ageMs > times.freshMs) {
      const loading = this.#load()
      // Under load the keys are renewed while they serve. After a pause they may be withdrawn for long, so that is waited for,
      // unless the issuer did not answer the last time: it must not hold up those who have good tokens.
      if (ageMs > times.freshMs + times.staleMs && !this.#hasFailed) await loading
    }
    if (!this.#find || this.#clock.now() - this.#loadedAtMs > times.keptMs) throw new KeysUnavailable()
    try {
      return await this.#find(header, token)
    } catch (error) {
      const before = this.#loadedAtMs
      if (!isUnknownKey(error)) throw error
      await this.#load()
      if (this.#loadedAtMs === before) throw error
      return await this.#find(header, token)
    }
  }

  /** Fetches the keys, unless that was tried a moment ago. Never rejects. */
  #load(): Promise<void> {
    const pauseMs = this.#find ? times.pauseMs : times.firstPauseMs
    if (!this.#loading && this.#clock.now() - this.#triedAtMs < pauseMs) return Promise.resolve()
    this.#loading ??= this.#fetch().finally(() => (this.#loading = undefined))
    return this.#loading
  }

  async #fetch(): Promise<void> {
    const { issuer } = this.#issuer
    this.#triedAtMs = this.#clock.now()
    try {
      const [{ createLocalJWKSet }, found] = await Promise.all([
        import('jose'),
        this.#place().then((place) => this.#json(place)),
      ])
      if (!isKeySet(found)) throw new Error('the answer is no set of keys')
      this.#find = createLocalJWKSet(found)
      this.#loadedAtMs = this.#clock.now()
      if (this.#hasFailed) this.#log.info({ issuer }, 'the keys of the issuer are fetched again')
      this.#hasFailed = false
    } catch (error) {
      if (!this.#hasFailed) this.#log.warn({ issuer, err: error }, 'the keys of the issuer could not be fetched')
      this.#hasFailed = true
    }
  }

  /** Where the keys are: as told, or by the metadata of the issuer. [RFC 8414, 3; OpenID Connect Discovery, 4] */
  async #place(): Promise<string> {
    const { issuer, jwks } = this.#issuer
    if (jwks !== undefined) return jwks
    const { origin, pathname } = new URL(issuer)
    const path = pathname.replace(/\/$/, '')
    const places = [
      `${origin}${path}/.well-known/openid-configuration`,
      `${origin}/.well-known/oauth-authorization-server${path}`,
    ]
    let last: unknown
    for (const place of places) {
      try {
        const { issuer: named, jwks_uri: found } = await this.#json(place)
        if (named !== issuer) throw new Error(`the metadata at ${place} is that of another issuer`)
        if (typeof found !== 'string' || !isFetchable(found))
          throw new Error(`the metadata at ${place} has no jwks_uri over https`)
        return found
      } catch (error) {
        last = error
      }
    }
    throw last
  }

  #json(url: string): Promise<JsonObject> {
    return fetchJson(url, { clock: this.#clock, timeoutMs: times.fetchMs, maxBytes })
  }
}

function isUnknownKey(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_JWKS_NO_MATCHING_KEY'
}

/** jose checks each key when it is used. [RFC 7517, section 5] */
function isKeySet(value: unknown): value is JSONWebKeySet {
  return isObject(value) && Array.isArray(value['keys']) && value['keys'].every(isObject)
}
