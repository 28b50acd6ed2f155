/**
 * Quotas of many keys under one rule: so much in each day or month of UTC. In memory, so a restart begins anew. If more
 * keys than `maxKeys` are counted at once, the further ones share one quota.
 */
import { forgetKeys, type TokenTable } from '../base/bucket-table.ts'
import type { QuotaRule } from './rate-text.ts'

/** When the day or month that holds a time begins, and the next one, in milliseconds since 1970. */
export function periodAt(
  wallMs: number,
  period: QuotaRule['period'],
): { readonly startMs: number; readonly endMs: number } {
  const at = new Date(wallMs)
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()]
  return period === 'day'
    ? { startMs: Date.UTC(year, month, day), endMs: Date.UTC(year, month, day + 1) }
    : { startMs: Date.UTC(year, month), endMs: Date.UTC(year, month + 1) }
}

export class QuotaTable implements TokenTable {
  readonly rule: QuotaRule
  readonly #maxKeys: number
  readonly #wallMs: () => number
  readonly #used = new Map<string, number>()
  #sharedUsed = 0
  #period = { startMs: 0, endMs: 0 }

  /** @param wallMs milliseconds since 1970 by the clock of the machine */
  constructor(rule: QuotaRule, maxKeys: number, wallMs: () => number) {
    this.rule = rule
    this.#maxKeys = maxKeys
    this.#wallMs = wallMs
  }

  get most(): number {
    return this.rule.points
  }

  waitMs(key: string, _nowMs: number, cost: number): number {
    const wallMs = this.#turn()
    return this.#usedBy(key) + cost <= this.rule.points ? 0 : Math.max(1, this.#period.endMs - wallMs)
  }

  take(key: string, _nowMs: number, cost: number): void {
    this.#turn()
    if (this.#used.has(key) || this.#used.size < this.#maxKeys) this.#used.set(key, this.#usedBy(key) + cost)
    else this.#sharedUsed += cost
  }

  tokens(key: string): number {
    this.#turn()
    return Math.max(0, this.rule.points - this.#usedBy(key))
  }

  forget(passes: (key: string) => boolean): number {
    return forgetKeys(this.#used, passes)
  }

  #usedBy(key: string): number {
    return this.#used.get(key) ?? (this.#used.size < this.#maxKeys ? 0 : this.#sharedUsed)
  }

  /**
   * Begins a new period if it is time. A clock that is set back by less than one does not give a quota again; by more, it
   * was wrong before, and a quota that is used up would not come back for as long.
   */
  #turn(): number {
    const wallMs = this.#wallMs()
    const { startMs, endMs } = this.#period
    if (wallMs >= endMs || startMs - wallMs > endMs - startMs) {
      this.#period = periodAt(wallMs, this.rule.period)
      this.#used.clear()
      this.#sharedUsed = 0
    }
    return wallMs
  }
}
