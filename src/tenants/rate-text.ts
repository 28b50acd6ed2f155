/**
 * Rates and quotas as people write them: `1000/min, burst 200`, `5/s`, `points 100, duration 60`, `100000/day`. Pure.
 */
import type { RateRule } from '../base/token-bucket.ts'

/** At most so many in each day or month of UTC. */
export interface QuotaRule {
  readonly points: number
  readonly period: 'day' | 'month'
}

const unitMs: ReadonlyArray<readonly [unit: RegExp, ms: number]> = [
  [/^(?:ms|milliseconds?)$/, 1],
  [/^(?:s|sec|seconds?)$/, 1000],
  [/^(?:m|min|minutes?)$/, 60_000],
  [/^(?:h|hours?)$/, 3_600_000],
]

/** The most of a rate or quota. */
const most = 1_000_000_000
const longestMs = 24 * 3_600_000

/** @returns undefined if the text is no rate. @param burst instead of one in the text; 0 for none */
export function readRate(text: string, burst = 0): RateRule | undefined {
  const parts = text
    .trim()
    .toLowerCase()
    .split(/\s*,\s*|\s+(?=burst|duration)/)
  let [points, perMs, own]: Array<number | undefined> = []
  for (const part of parts) {
    const [, count, per, unit] = /^(\d+)\s*(?:\/|\s+per\s+)\s*(\d*)\s*([a-z]+)$/.exec(part) ?? []
    const [, key, value = ''] = /^(points|duration|burst)[\s=:]+(.+)$/.exec(part) ?? []
    if (count !== undefined && unit !== undefined && points === undefined) {
      points = countOf(count)
      perMs = timesOf(per === '' ? '1' : per, unit)
    } else if (key === 'points' && points === undefined) points = countOf(value)
    else if (key === 'burst' && own === undefined) own = countOf(value)
    else if (key === 'duration' && perMs === undefined) {
      const [, times, unitOfDuration = ''] = /^(\d+)\s*([a-z]*)$/.exec(value) ?? []
      // Seconds, as libraries of rate limits have it.
      perMs = timesOf(times, unitOfDuration === '' ? 's' : unitOfDuration)
    } else return undefined
    if (key === 'burst' && own === undefined) return undefined
  }
  if (points === undefined || perMs === undefined) return undefined
  return { points, perMs, burst: own ?? (burst === 0 ? points : burst) }
}

export function writeRate({ points, perMs, burst }: RateRule): string {
  const [unit, ms] =
    (
      [
        ['h', 3_600_000],
        ['min', 60_000],
        ['s', 1000],
      ] as const
    ).find(([, length]) => perMs % length === 0) ?? (['ms', 1] as const)
  const times = perMs / ms
  return `${points}/${times === 1 ? '' : times}${unit}, burst ${burst}`
}

/** @returns undefined if the text is no quota */
export function readQuota(text: string): QuotaRule | undefined {
  const [, count, unit] = /^(\d+)\s*(?:\/|\s+per\s+)\s*(day|month)$/.exec(text.trim().toLowerCase()) ?? []
  const points = countOf(count)
  return points === undefined || unit === undefined ? undefined : { points, period: unit === 'day' ? 'day' : 'month' }
}

/** A pair as `name=value`; undefined if the text is none. */
export function readPair(text: string): readonly [name: string, value: string] | undefined {
  const at = text.indexOf('=')
  return at < 1 ? undefined : [text.slice(0, at).trim(), text.slice(at + 1).trim()]
}

function countOf(text: string | undefined): number | undefined {
  const count = text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : 0
  return count >= 1 && count <= most ? count : undefined
}

function timesOf(count: string | undefined, unit: string): number | undefined {
  const times = countOf(count)
  const ms = unitMs.find(([pattern]) => pattern.test(unit))?.[1]
  return times === undefined || ms === undefined || times * ms > longestMs ? undefined : times * ms
}
