/**
 * Asks an issuer what its tokens are. Promises that there is one question at a time for a token, that few questions are in
 * flight at once, that an issuer which does not answer is left alone for a moment, and that a token which is not active is not
 * asked about again at once. Tokens are in memory as hashes only, but for the one that is being asked about. [RFC 7662]
 */
import type { Clock } from '../base/clock.ts'
import type { JsonObject } from '../base/json.ts'
import type { Log } from '../base/log.ts'
import { AnsweredWith, fetchJson } from '../base/fetch-json.ts'
import { RefusedTokens } from './refused-tokens.ts'

/** Where and as whom mcplex asks. */
export interface IntrospectionPlace {
  readonly url: string
  readonly clientId: string
  readonly clientSecret: string
  /** How long an answer is remembered, in milliseconds. */
  readonly rememberMs: number
}

/** What an issuer says of a token: its claims, that it is not active, or nothing. */
export type Introspected = JsonObject | 'inactive' | 'unavailable'

/** In milliseconds: for one question, and the pause after one that was not answered. */
const times = { askMs: 2000, pauseMs: 2000, refusedMs: 5000 }
const maxBytes = 65_536
/** Questions about tokens that are not known; as many more are for those that are, or strangers could keep them from being asked. */
const mostInFlight = 32
/** Answers that say that the question was no proper one, which is the matter of its token alone. */
const aboutToken: readonly number[] = [400, 413, 414]

export class Introspection {
  readonly place: IntrospectionPlace
  readonly #issuer: string
  readonly #clock: Clock
  readonly #log: Log
  readonly #authorization: string
  /** By the hash of the token. */
  readonly #asking = new Map<string, Promise<Introspected>>()
  readonly #refused: RefusedTokens
  #pausedUntilMs = -Infinity
  #hasFailed = false
  /** Tokens about which the issuer does not take the question. */
  readonly #unasked: RefusedTokens
  #hasRefused = false

  constructor(issuer: string, place: IntrospectionPlace, clock: Clock, log: Log) {
    this.place = place
    this.#issuer = issuer
    this.#clock = clock
    this.#log = log
    this.#refused = new RefusedTokens(clock, times.refusedMs)
    this.#unasked = new RefusedTokens(clock, times.refusedMs)
    // [RFC 6749, 2.3.1]
    const [id, secret] = [place.clientId, place.clientSecret].map(formEncoded)
    this.#authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`
  }

  /**
   * What the issuer says of a token. Never rejects.
   * @param key the hash of the token
   * @param isKnown whether the issuer has accepted it before
   */
  ask(token: string, key: string, isKnown: boolean): Promise<Introspected> {
    if (this.#refused.has(key)) return Promise.resolve('inactive')
    const asking = this.#asking.get(key)
    if (asking) return asking
    const most = isKnown ? 2 * mostInFlight : mostInFlight
    if (this.#clock.now() < this.#pausedUntilMs || this.#asking.size >= most || this.#unasked.has(key))
      return Promise.resolve('unavailable')
    const asked = this.#fetch(token, key).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asked)
    return asked
  }

  async #fetch(token: string, key: string): Promise<Introspected> {
    const { url } = this.place
    try {
      const answer = await fetchJson(
        url,
        { clock: this.#clock, timeoutMs: times.askMs, maxBytes },
        {
          headers: {
            Authorization: this.#authorization,
            'Content-Type': 'application/x-www-form-urlencoded',
          },
          body: `token=${encodeURIComponent(token)}&token_type_hint=access_token`,
        },
      )
      if (typeof answer['active'] !== 'boolean') throw new Error(`${url} does not say whether the token is active`)
      if (this.#hasFailed) this.#log.info({ issuer: this.#issuer }, 'the issuer tells again what its tokens are')
      this.#hasFailed = false
      if (answer['active']) return answer
      this.#refused.add(key)
      return 'inactive'
    } catch (error) {
      if (error instanceof AnsweredWith && aboutToken.includes(error.status)) {
        // No reason to ask about no other token: whoever sends such a token could keep all others from being asked about.
        this.#unasked.add(key)
        if (!this.#hasRefused) this.#warn(error)
        this.#hasRefused = true
        return 'unavailable'
      }
      this.#pausedUntilMs = this.#clock.now() + times.pauseMs
      if (!this.#hasFailed) this.#warn(error)
      this.#hasFailed = true
      return 'unavailable'
    }
  }

  #warn(error: unknown): void {
    this.#log.warn({ issuer: this.#issuer, err: error }, 'the issuer does not tell what its tokens are')
  }
}

/** [RFC 6749, appendix B] */
function formEncoded(text: string): string {
  return new URLSearchParams({ text }).toString().slice('text='.length)
}
