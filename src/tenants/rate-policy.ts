/** The limits of one tenant, made of its settings. */
import { BucketTable, type TokenTable } from '../base/bucket-table.ts'
import type { TenantSettings } from './options.ts'
import { QuotaTable } from './quota-table.ts'
import { type QuotaRule, readPair, readQuota, readRate, writeRate } from './rate-text.ts'
import type { RateRule } from '../base/token-bucket.ts'

/** One limit, with its tokens and what has been decided under it. */
export interface Rule {
  readonly scope: 'tenant' | 'subject' | 'tool' | 'upstream' | 'quota'
  readonly text: string
  /** The pattern of tools, or the name of the upstream. */
  readonly of: string | undefined
  readonly table: TokenTable & { readonly rule: RateRule | QuotaRule }
  readonly counts: { allowed: number; refused: number; wouldRefuse: number }
  /** When it was last logged what it would have refused, by the clock. */
  loggedAtMs: number
}

/** The limits and the cost of an operation. */
export interface Charge {
  readonly cost: number
  readonly rules: readonly Rule[]
}

export interface Policy {
  readonly tenant: string
  readonly dryRun: boolean
  readonly rules: readonly Rule[]
  /** Costs by pattern of tools or by method: the first that matches counts. */
  readonly costs: ReadonlyArray<readonly [name: string, cost: number]>
  /** Whether operations differ in their cost or limits; if not, all have the plain charge. */
  readonly tellsApart: boolean
  readonly plainCharge: Charge
}

export interface RuleNeeds {
  readonly wallMs: () => number
}

/** The most tenants or subjects that one limit counts apart. */
const maxKeys = 10_000

/** @param before the policy whose place it takes: a limit that is the same goes on */
export function policyOf(tenant: string, settings: TenantSettings, needs: RuleNeeds, before?: Policy): Policy {
  const ruleOf = (scope: Rule['scope'], text: string, of: string | undefined, make: () => Rule['table']): Rule =>
    before?.rules.find((one) => one.scope === scope && one.text === text && one.of === of) ?? {
      scope,
      text,
      of,
      table: make(),
      counts: { allowed: 0, refused: 0, wouldRefuse: 0 },
      loggedAtMs: Number.NEGATIVE_INFINITY,
    }
  const rateOf = (scope: Rule['scope'], text: string, of?: string, burst = 0): Rule[] => {
    const rule = readRate(text, burst)
    return rule ? [ruleOf(scope, writeRate(rule), of, () => new BucketTable(rule, maxKeys))] : []
  }
  const rates = (scope: Rule['scope'], pairs: readonly string[]): Rule[] =>
    pairs.flatMap((pair) => {
      const [of, text] = readPair(pair) ?? []
      return of === undefined || text === undefined ? [] : rateOf(scope, text, of)
    })
  const rules = [
    ...rateOf('tenant', settings.rate, undefined, settings.burst),
    ...rateOf('subject', settings.subjectRate),
    ...rates('tool', settings.toolRates),
    ...rates('upstream', settings.upstreamRates),
    ...settings.quota.flatMap((text) => {
      const rule = readQuota(text)
      if (!rule) return []
      const table = (): QuotaTable => new QuotaTable(rule, maxKeys, needs.wallMs)
      return [ruleOf('quota', `${rule.points}/${rule.period}`, undefined, table)]
    }),
  ]
  return {
    tenant,
    dryRun: settings.dryRun,
    rules,
    tellsApart: settings.costs.length > 0 || rules.some(({ scope }) => scope === 'tool' || scope === 'upstream'),
    plainCharge: { cost: 1, rules },
    costs: settings.costs.flatMap((pair) => {
      const [name, cost] = readPair(pair) ?? []
      return name === undefined ? [] : [[name, Number(cost)] as const]
    }),
  }
}
