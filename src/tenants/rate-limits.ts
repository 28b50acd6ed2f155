/**
 * The rates and quotas of tenants: one decision for each request, which takes tokens of all limits that concern it, or of
 * none. Kept in memory, bounded; where no tenant has a limit, nothing is looked up.
 */
import { takeAll, type WantedTokens } from '../base/bucket-table.ts'
import { type Clock, wallMs } from '../base/clock.ts'
import { matchesGlob } from '../base/glob.ts'
import type { Log } from '../base/log.ts'
import { Refusal } from '../base/refusal.ts'
import { type Principal, principalKey } from '../protocol/call.ts'
import { limitHeaders } from './limit-headers.ts'
import { limitsHolderOf, standard } from './limits-holder.ts'
import type { TenantSettings } from './options.ts'
import { type Charge, type Policy, policyOf, type Rule, type RuleNeeds } from './rate-policy.ts'

/** What a request asks for, as far as limits are concerned. */
export interface Operation {
  readonly method: string
  /** The upstreams that it may be for: none if it is for all of an endpoint, several if it does not say. */
  readonly upstreams: readonly string[]
  /** The tool or prompt, by the name that its server gives it; undefined if it names none. */
  readonly own: string | undefined
  /** Whether that may be the short form of another name, which is not known yet. */
  readonly mayBeOther?: boolean
  /** All its names in patterns. */
  readonly names: () => readonly string[]
}

/** What has been decided under a limit, for operators. */
export interface LimitView {
  readonly tenant: string
  readonly scope: Rule['scope']
  /** The limit in words: `1000/min, burst 200`. */
  readonly limit: string
  /** The tools that it is for, or the upstream. */
  readonly of: string | undefined
  readonly dryRun: boolean
  /** How many operations of cost 1 it has left now; undefined where it is counted for each subject. */
  readonly left: number | undefined
  readonly allowed: number
  readonly refused: number
  readonly wouldRefuse: number
}

/** What one operation costs of a limit, and what that has left. */
export interface LimitPreview {
  readonly scope: Rule['scope']
  readonly limit: string
  readonly of: string | undefined
  readonly dryRun: boolean
  readonly cost: number
  readonly left: number
  /** When it would be allowed, in milliseconds from now; 0 for at once. */
  readonly waitMs: number
}

export interface RateLimitNeeds {
  readonly clock: Clock
  readonly log: Log
  /** Milliseconds since 1970, for quotas. */
  readonly wallMs?: () => number
}

/** How often one limit logs what it would have refused, in milliseconds. */
const logEveryMs = 10_000
/** When a batch that must be split is to come again at the earliest, in milliseconds. */
const leastWaitMs = 1000
/** The most operations whose cost and limits are remembered. */
const maxKnown = 4096
/** Longer methods and names of tools are neither compared with patterns nor remembered: none has one. */
const maxNameChars = 1024

interface Wanted extends WantedTokens {
  readonly rule: Rule
}

export class RateLimits {
  readonly #needs: RateLimitNeeds & RuleNeeds
  #policies = new Map<string, Policy>()
  #known = new Map<string, Charge>()
  #tenants: ReadonlyMap<string, TenantSettings> = new Map()

  constructor(tenants: Readonly<Record<string, TenantSettings>>, needs: RateLimitNeeds) {
    this.#needs = { wallMs, ...needs }
    this.replace(tenants)
  }

  /** Whether any tenant has a limit. */
  get isActive(): boolean {
    return this.#policies.size > 0
  }

  /** Other settings: a limit that is the same goes on with what it has left. */
  replace(tenants: Readonly<Record<string, TenantSettings>>): void {
    const before = this.#policies
    this.#known = new Map()
    this.#tenants = new Map(Object.entries(tenants))
    this.#policies = new Map(
      Object.entries(tenants).flatMap(([name, settings]): Array<[string, Policy]> => {
        const policy = policyOf(name, settings, this.#needs, before.get(name))
        return policy.rules.length === 0 || limitsHolderOf(this.#tenants, name) !== name ? [] : [[name, policy]]
      }),
    )
  }

  /**
   * Takes what the operations of one request cost, and returns headers for its answer; undefined without a limit.
   * Throws `rate_limited` if a limit has not so much left, or never has so much at once.
   */
  charge(principal: Principal, operations: readonly Operation[]): Readonly<Record<string, string>> | undefined {
    const { tenant } = principal
    const policy = this.#policyOf(tenant)
    if (!policy) return undefined
    const nowMs = this.#needs.clock.now()
    const wanted = this.#wanted(policy, principal, operations)
    if (wanted.length === 0) return undefined
    const above = operations.length > 1 ? wanted.find(({ table, cost }) => cost > table.most) : undefined
    if (above) return this.#refuseWhole(policy, tenant, above, operations.length, nowMs)
    const short = takeAll(wanted, nowMs)
    if (!short) {
      for (const { rule } of wanted) rule.counts.allowed++
      return limitHeaders(wanted, nowMs)
    }
    const { rule } = short.of
    if (!policy.dryRun) {
      rule.counts.refused++
      throw this.#refusal(tenant, rule, short.waitMs, limitHeaders([short.of], nowMs, short.waitMs))
    }
    this.#rehearse(policy, rule, nowMs)
    return undefined
  }

  /** Refuses a batch that costs more than a limit ever has: to wait helps only its parts. */
  #refuseWhole(policy: Policy, tenant: string, above: Wanted, operations: number, nowMs: number): undefined {
    const { rule, table, key, cost } = above
    if (policy.dryRun) return this.#rehearse(policy, rule, nowMs)
    rule.counts.refused++
    const { scope, text } = rule
    throw new Refusal('rate_limited', {
      message: `This batch of ${operations} requests costs ${cost}. ${nameOf(tenant, rule)}: ${text}, which is at most ${table.most} at once. Split the batch.`,
      retryAfterMs: Math.max(leastWaitMs, table.waitMs(key, nowMs, 1)),
      data: { scope, limit: text },
      headers: limitHeaders([above], nowMs),
    })
  }

  /** What an operation would be charged. Nothing is taken. */
  preview(principal: Principal, operation: Operation): readonly LimitPreview[] {
    const policy = this.#policyOf(principal.tenant)
    if (!policy) return []
    const nowMs = this.#needs.clock.now()
    return this.#wanted(policy, principal, [operation]).map(({ rule, table, key, cost }) => ({
      scope: rule.scope,
      limit: rule.text,
      of: rule.of,
      dryRun: policy.dryRun,
      cost,
      left: table.tokens(key, nowMs),
      waitMs: table.waitMs(key, nowMs, cost),
    }))
  }

  /**
   * Forgets what a tenant and its subjects have used, and what was decided under its own limits. What tenants without a name
   * share, and was counted for all of them, stays.
   * @returns how many buckets and quotas were in use
   */
  forget(tenant: string): number {
    const isOf = (key: string): boolean => key === tenant || key.startsWith(`[${JSON.stringify(tenant)},`)
    let forgotten = 0
    for (const policy of this.#policies.values())
      for (const rule of policy.rules) {
        forgotten += rule.table.forget(isOf)
        if (policy.tenant === tenant) Object.assign(rule.counts, { allowed: 0, refused: 0, wouldRefuse: 0 })
      }
    return forgotten
  }

  /** All limits, with what has been decided under each. */
  view(): readonly LimitView[] {
    const nowMs = this.#needs.clock.now()
    return [...this.#policies.values()].flatMap(({ tenant, dryRun, rules }) =>
      rules.map(({ scope, text, of, table, counts }) => ({
        tenant,
        scope,
        limit: text,
        of,
        dryRun,
        left: scope === 'subject' ? undefined : table.tokens(tenant, nowMs),
        ...counts,
      })),
    )
  }

  #policyOf(tenant: string): Policy | undefined {
    const holder = limitsHolderOf(this.#tenants, tenant)
    return this.#policies.get(this.#tenants.has(holder) ? holder : standard)
  }

  #wanted(policy: Policy, principal: Principal, operations: readonly Operation[]): readonly Wanted[] {
    const holder = limitsHolderOf(this.#tenants, principal.tenant)
    const wanted = (rule: Rule, cost: number): Wanted => {
      const key = rule.scope === 'subject' ? JSON.stringify(principalKey(principal)) : holder
      return { rule, table: rule.table, key, cost }
    }
    // An operation that costs more than a limit ever has takes all of it; the sum of several is never made smaller.
    const [first, ...others] = operations.map((operation) => this.#chargeOf(policy, operation))
    if (!first) return []
    if (others.length === 0)
      return first.cost === 0 ? [] : first.rules.map((rule) => wanted(rule, Math.min(first.cost, rule.table.most)))
    // Of a batch, all that one limit has to give is asked for at once.
    const costs = new Map<Rule, number>()
    for (const { cost, rules } of [first, ...others])
      if (cost > 0) for (const rule of rules) costs.set(rule, (costs.get(rule) ?? 0) + Math.min(cost, rule.table.most))
    return Array.from(costs, ([rule, cost]) => wanted(rule, cost))
  }

  #chargeOf(policy: Policy, operation: Operation): Charge {
    if (!policy.tellsApart) return policy.plainCharge
    const { method, upstreams, own } = operation
    const isLong = method.length + (own?.length ?? 0) > maxNameChars
    const key = isLong ? '' : JSON.stringify([policy.tenant, method, upstreams, own ?? null])
    const known = this.#known.get(key)
    if (known) return known
    const names = own === undefined || isLong ? [] : operation.names()
    const isOneOf = (pattern: string): boolean => names.some((name) => matchesGlob(pattern, name))
    const cost = policy.costs.find(([name]) => name === method || isOneOf(name))?.[1] ?? 1
    const rules = policy.rules.filter(({ scope, of = '' }) => {
      if (scope === 'tool') return method === 'tools/call' && isOneOf(of)
      return scope !== 'upstream' || upstreams.includes(of)
    })
    const charge = { cost, rules }
    // Names that clients make up are remembered as well, so it is bounded.
    if (this.#known.size >= maxKnown) this.#known.clear()
    if (!isLong) this.#known.set(key, charge)
    return charge
  }

  #refusal(tenant: string, rule: Rule, waitMs: number, headers: Readonly<Record<string, string>>): Refusal {
    const { scope, text } = rule
    const name = nameOf(tenant, rule)
    return new Refusal('rate_limited', {
      message: `${name} reached: ${text}. The next call is possible in ${inWords(waitMs)}.`,
      retryAfterMs: waitMs,
      data: { scope, limit: text },
      headers,
    })
  }

  /** Counts what a limit that is tried out would refuse, and logs it. */
  #rehearse({ tenant }: Policy, rule: Rule, nowMs: number): undefined {
    rule.counts.wouldRefuse++
    if (nowMs - rule.loggedAtMs < logEveryMs) return
    rule.loggedAtMs = nowMs
    const { scope, text, counts } = rule
    this.#needs.log.warn({ tenant, scope, limit: text, count: counts.wouldRefuse }, 'a limit would have refused calls')
  }
}

/** A limit in words, at the beginning of a sentence. */
function nameOf(tenant: string, { scope, of = '' }: Rule): string {
  const subject = {
    tenant: `of tenant ${tenant}`,
    subject: 'of each user',
    tool: `of the tools ${of}`,
    upstream: `of the server ${of}`,
    quota: `of tenant ${tenant}`,
  }[scope]
  return `${scope === 'quota' ? 'Quota' : 'Rate limit'} ${subject}`
}

function inWords(ms: number): string {
  if (ms < 60_000) return `${(Math.ceil(ms / 100) / 10).toString()} s`
  if (ms < 3_600_000) return `${Math.ceil(ms / 60_000)} min`
  return `${Math.ceil(ms / 3_600_000)} h`
}
