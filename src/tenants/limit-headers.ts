/**
 * What a client is told of the limits that its request was counted under, as HTTP headers. [IETF draft RateLimit header
 * fields for HTTP, draft-ietf-httpapi-ratelimit-headers: a draft, so its names may change]
 */
import type { WantedTokens } from '../base/bucket-table.ts'
import type { Rule } from './rate-policy.ts'

interface Counted extends WantedTokens {
  readonly rule: Rule
}

/** @param waitMs how long until the request would be allowed, if it is refused */
export function limitHeaders(
  counted: readonly Counted[],
  nowMs: number,
  waitMs?: number,
): Readonly<Record<string, string>> {
  const policies: string[] = []
  const left: string[] = []
  for (const { rule, table, key } of counted) {
    const name = nameOf(rule)
    policies.push(`"${name}";q=${rule.table.rule.points};w=${windowSeconds(rule)}`)
    const wait = waitMs === undefined ? '' : `;t=${Math.ceil(waitMs / 1000)}`
    left.push(`"${name}";r=${table.tokens(key, nowMs)}${wait}`)
  }
  return { 'RateLimit-Policy': policies.join(', '), RateLimit: left.join(', ') }
}

function nameOf({ scope, of, table }: Rule): string {
  if ('period' in table.rule) return table.rule.period
  return of === undefined ? scope : `${scope}:${of}`
}

/** A window is a whole number of seconds. A month counts as thirty days. */
function windowSeconds({ table: { rule } }: Rule): number {
  if ('period' in rule) return rule.period === 'day' ? 86_400 : 30 * 86_400
  return Math.max(1, Math.ceil(rule.perMs / 1000))
}
