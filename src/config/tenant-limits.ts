/** What may be wrong where a tenant shares the limits of another one (`limitsOf`). Pure. */
import { didYouMean } from '../base/did-you-mean.ts'
import type { Problem } from './problem.ts'
import { type Provided, type ProvidedSettings, spotOf } from './provided.ts'

/** Limits that have no effect beside `limitsOf`. */
const limits = [
  'maxConnections',
  'maxCalls',
  'maxWorkers',
  'maxWaiting',
  'rate',
  'burst',
  'subjectRate',
  'toolRates',
  'upstreamRates',
  'costs',
  'quota',
  'dryRun',
] as const

/** What is wrong with the limits of a tenant that names another one. */
export function limitsProblems(
  name: string,
  own: Provided,
  tenants: NonNullable<ProvidedSettings['tenants']>,
): readonly Problem[] {
  const value = own.get('limitsOf')
  const holder = value?.value
  if (value === undefined || typeof holder !== 'string' || holder === '') return []
  const problem = (message: string, notes: Problem['notes']): Problem => ({
    code: 'config_value',
    ...spotOf(value),
    message: `tenants.${name}.limitsOf ${message}`,
    notes,
  })
  const others = [...tenants.keys()].filter((one) => one !== name && !tenants.get(one)?.has('limitsOf'))
  const accepted: Problem['notes'] = [['accepted', others.join(', ') || 'the name of another tenant of the file']]
  if (!tenants.has(holder)) {
    const meant = didYouMean(holder, others)
    return [
      problem(`names ${JSON.stringify(holder)}, which is no tenant of the file`, meant ? [['try', meant]] : accepted),
    ]
  }
  if (holder === name) return [problem('names the tenant itself, which has its own limits without it', accepted)]
  if (tenants.get(holder)?.has('limitsOf'))
    return [problem(`names ${holder}, which has the limits of another tenant itself`, accepted)]
  // Those of `default` are for tenants that share none.
  return (name === 'default' ? [] : limits).flatMap((key): Problem[] => {
    const idle = own.get(key)
    if (idle === undefined) return []
    const message = `tenants.${name}.${key} has no effect: the limits of ${holder} hold for the tenant (limitsOf)`
    const notes: Problem['notes'] = [['try', `set ${key} for ${holder}, or leave out one of the two`]]
    return [{ code: 'config_value', ...spotOf(idle), message, notes }]
  })
}
