/**
 * The token buckets of many keys under one rule, in bounded memory. A full bucket takes no memory. If more keys than
 * `maxKeys` are in use at once, the further ones share one bucket: so no key ever gets more than the rule, and only the
 * keys of one table get less.
 */
import { bucketAfter, bucketWaitMs, fullBucket, type RateRule, tokensIn } from './token-bucket.ts'

/** How often a table without room looks for buckets that are full again, in milliseconds. */
const sweepEveryMs = 1000

/** What has tokens for keys. Times are milliseconds of a monotonic clock. */
export interface TokenTable {
  /** The most tokens that a key ever has at once. */
  readonly most: number
  /**
   * How long until the key has `cost` tokens, in whole milliseconds; 0 if it has them. Nothing is taken.
   * @param cost at most `most`
   */
  waitMs(key: string, nowMs: number, cost: number): number
  /** How many whole tokens the key has. */
  tokens(key: string, nowMs: number): number
  /** Takes tokens: only if `waitMs` is 0. */
  take(key: string, nowMs: number, cost: number): void
  /** Forgets what has been taken under the keys that pass: they have all their tokens again. @returns how many there were */
  forget(passes: (key: string) => boolean): number
}

export class BucketTable implements TokenTable {
  readonly rule: RateRule
  readonly #maxKeys: number
  /** When the bucket of each key is full again. */
  readonly #fullAtMs = new Map<string, number>()
  /** The bucket of all keys for which there is no room. */
  #sharedFullAtMs = fullBucket
  #sweptAtMs = Number.NEGATIVE_INFINITY

  constructor(rule: RateRule, maxKeys: number) {
    this.rule = rule
    this.#maxKeys = maxKeys
  }

  get most(): number {
    return this.rule.burst
  }

  /** How many keys have a bucket that is not full, at most. */
  get size(): number {
    return this.#fullAtMs.size
  }

  waitMs(key: string, nowMs: number, cost: number): number {
    return bucketWaitMs(this.#stateOf(key), nowMs, this.rule, cost)
  }

  tokens(key: string, nowMs: number): number {
    return tokensIn(this.#stateOf(key), nowMs, this.rule)
  }

  take(key: string, nowMs: number, cost: number): void {
    const isKnown = this.#fullAtMs.has(key)
    const after = bucketAfter(this.#stateOf(key), nowMs, this.rule, cost)
    if (isKnown || this.#hasRoom(nowMs)) this.#fullAtMs.set(key, after)
    else this.#sharedFullAtMs = after
  }

  forget(passes: (key: string) => boolean): number {
    return forgetKeys(this.#fullAtMs, passes)
  }

  #stateOf(key: string): number {
    return this.#fullAtMs.get(key) ?? (this.#fullAtMs.size < this.#maxKeys ? fullBucket : this.#sharedFullAtMs)
  }

  #hasRoom(nowMs: number): boolean {
    if (this.#fullAtMs.size < this.#maxKeys) return true
    if (nowMs - this.#sweptAtMs < sweepEveryMs) return false
    this.#sweptAtMs = nowMs
    for (const [key, fullAtMs] of this.#fullAtMs) if (fullAtMs <= nowMs) this.#fullAtMs.delete(key)
    // A key that has shared a bucket until now goes on with what that bucket has left.
    return this.#fullAtMs.size < this.#maxKeys
  }
}

/** @returns how many keys were removed */
export function forgetKeys(keys: Map<string, unknown>, passes: (key: string) => boolean): number {
  const before = keys.size
  for (const key of keys.keys()) if (passes(key)) keys.delete(key)
  return before - keys.size
}

/** Tokens that are wanted of one bucket. */
export interface WantedTokens {
  readonly table: TokenTable
  readonly key: string
  readonly cost: number
}

/**
 * Takes tokens of several buckets: of all of them, or of none.
 * @returns undefined if they were taken; else the bucket for which the wait is longest, and until when all have the tokens,
 *   in whole milliseconds
 */
export function takeAll<Wanted extends WantedTokens>(
  wanted: readonly Wanted[],
  nowMs: number,
): { readonly of: Wanted; readonly waitMs: number } | undefined {
  let longest: { readonly of: Wanted; readonly waitMs: number } | undefined
  for (const one of wanted) {
    const waitMs = one.table.waitMs(one.key, nowMs, one.cost)
    if (waitMs > (longest?.waitMs ?? 0)) longest = { of: one, waitMs }
  }
  if (!longest) for (const { table, key, cost } of wanted) table.take(key, nowMs, cost)
  return longest
}
