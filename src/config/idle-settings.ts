/** Settings of upstreams that are accepted alone, and do nothing, or too much, together with the others. */
import type { Problem } from './problem.ts'
import { type Provided, type ProvidedSettings, type ProvidedUpstream, type ProvidedValue, spotOf } from './provided.ts'

/** What does nothing unless another setting is given; in words of the file. */
const dependents = [
  {
    needs: 'breakerErrorPercent',
    keys: ['breakerMinCalls', 'breakerWindowMs', 'breakerOpenMs', 'breakerSlowMs'],
    without: 'breaker.errorPercent, which switches the circuit breaker on',
    way: 'breaker: { errorPercent: 50 } beside it (breakerErrorPercent in a program)',
  },
  {
    needs: 'poolReserve',
    keys: ['reserveAfterMs'],
    without: 'pool.reserve, which allows processes beyond pool.max',
    way: 'pool: { reserve: 2 } beside it (poolReserve in a program)',
  },
  {
    needs: 'adaptiveMax',
    keys: ['adaptiveMin'],
    without: 'adaptiveConcurrency.max, which has concurrency adapt',
    way: 'adaptiveConcurrency: { max: 200 } beside it (adaptiveMax in a program)',
  },
] as const

/** What must not be above another setting. */
const bounds = [
  { least: 'poolMin', most: 'pool', name: 'pool.max' },
  { least: 'adaptiveMin', most: 'adaptiveMax', name: 'adaptiveConcurrency.max' },
] as const

/** No process of a server fits into less, so each would be ended, or replaced, as soon as it has started. */
const leastProcessBytes = 1024 ** 2

export function idleSettings(provided: ProvidedSettings): Problem[] {
  const { upstreams, values: all } = provided
  const problems = [...idleLimits(provided)]
  const told = new Set<ProvidedValue>()
  const tell = (value: ProvidedValue, code: Problem['code'], fault: string, ...notes: Problem['notes']): void => {
    // One that is for all upstreams is told once.
    if (told.has(value)) return
    told.add(value)
    problems.push({ code, ...spotOf(value), message: `${value.quote} ${fault}`, notes })
  }
  for (const { needs, keys, without, way } of dependents) {
    const lacks = ({ values }: ProvidedUpstream): boolean => valueOf(values, all, needs) === undefined
    for (const key of keys) {
      const common = all.get(`upstream.${key}`)
      const own = [...upstreams.values()].filter(lacks).map(({ values }) => values.get(key))
      const idle = common && [...upstreams.values()].every(lacks) ? [common, ...own] : own
      for (const value of idle)
        if (value && (value !== common || idle[0] === common))
          tell(value, 'config_value', `does nothing without ${without}`, ['try', way])
    }
  }
  for (const { values } of upstreams.values()) {
    for (const { least, most, name } of bounds) {
      const [lower, upper] = [valueOf(values, all, least), valueOf(values, all, most)]
      // 0 is none.
      const bound = Number(upper?.value ?? 0)
      if (lower && bound > 0 && Number(lower.value) > bound)
        tell(lower, 'config_value', `is more than ${name}, which is ${bound}`, ['accepted', `at most ${bound}`])
    }
    for (const key of ['limitMemoryBytes', 'recycleMemoryBytes']) {
      const value = values.get(key)
      if (value && Number(value.value) > 0 && Number(value.value) < leastProcessBytes)
        tell(value, 'config_size', 'has room for no process: a bare number is bytes', [
          'accepted',
          '1mb or more, such as 512mb',
        ])
    }
  }
  return problems
}

function valueOf(own: Provided, all: Provided, key: string): ProvidedValue | undefined {
  return own.get(key) ?? all.get(`upstream.${key}`)
}

/** Limits that limit nothing, because none of the upstreams that share them says how many calls may run at once. */
function idleLimits({ upstreams, values: all }: ProvidedSettings): Problem[] {
  const sharing = new Map<unknown, ProvidedUpstream[]>()
  for (const one of upstreams.values()) {
    const limit = valueOf(one.values, all, 'limit')?.value ?? ''
    if (limit !== '') sharing.set(limit, [...(sharing.get(limit) ?? []), one])
  }
  return [...sharing.values()].flatMap((ones): Problem[] => {
    const [first] = ones
    const isIdle = ones.every(({ values }) =>
      ['concurrency', 'adaptiveMax'].every((key) =>
        [undefined, 0].includes(valueOf(values, all, key)?.value as number | undefined),
      ),
    )
    const limit = first && valueOf(first.values, all, 'limit')
    if (!isIdle || !limit) return []
    const message = `${limit.quote} limits nothing: no server with this limit has a concurrency`
    return [{ code: 'config_value', ...spotOf(limit), message, notes: [['try', 'concurrency: 5 beside it']] }]
  })
}
