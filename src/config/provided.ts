/** What was provided, by a program, the command line or the environment, before defaults and checks. */
import type { FilePlace, Problem } from './problem.ts'
import type { UpstreamKind } from './upstream-kinds.ts'

/** A value with its place, as errors name it: `--pool 8`, `HOST=0.0.0.0`, `upstream.pool`. */
export interface ProvidedValue {
  readonly value: unknown
  readonly where: string
  readonly quote: string
  /** Given if it stands in a file. */
  readonly place?: FilePlace
}

/** Provided values by name: of a whole configuration by `module.key`, of one upstream or endpoint by key. */
export type Provided = ReadonlyMap<string, ProvidedValue>

/** What was provided for one upstream. */
export interface ProvidedUpstream {
  readonly kind: UpstreamKind
  /** Its place, as errors name it: `upstreams.github`. */
  readonly where: string
  /** Given if its name stands in a file. */
  readonly place?: FilePlace
  /** The provided values by key. */
  readonly values: Provided
}

/** All that was provided. */
export interface ProvidedSettings {
  /** By `module.key`. Those of `upstream` hold for each upstream that does not have its own. */
  readonly values: Provided
  readonly upstreams: ReadonlyMap<string, ProvidedUpstream>
  /** The named endpoints, each by key. */
  readonly endpoints: ReadonlyMap<string, Provided>
  /** The tenants, each by key. */
  readonly tenants?: ReadonlyMap<string, Provided>
  /** Names with what they stand for. */
  readonly aliases?: ReadonlyMap<string, string>
  /** Where each alias stands, if in a file. */
  readonly aliasPlaces?: ReadonlyMap<string, FilePlace>
}

/** Where a value stands, as problems say it. @param where if it was not provided */
export function spotOf(
  value: Pick<ProvidedValue, 'where' | 'place'> | undefined,
  where = '',
): Pick<Problem, 'where' | 'place'> {
  return { where: value?.where ?? where, ...(value?.place && { place: value.place }) }
}
