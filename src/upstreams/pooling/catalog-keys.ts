/**
 * The names of sources: of what clients of a profile are shown, and of what one unit's own process has announced. Nobody
 * but this file reads them.
 */
import type { EraName } from '../../protocol/call.ts'
import { isObject, type JsonObject } from '../../protocol/json-text.ts'
import { noProfile } from './profile-keys.ts'

/** The source of what clients of a profile are shown; of those that declare nothing, if none is named. */
export function profileSource(era: EraName, profile: string = noProfile): string {
  return `p:${era}/${profile}`
}

/** The era of the processes that a profile's source is learnt from; undefined for the source of a unit. */
export function eraIn(source: string): EraName | undefined {
  return (['legacy', 'modern'] as const).find((era) => source.startsWith(`p:${era}/`))
}

/** The capabilities that a profile's source was named for. */
export function announcedIn(source: string): JsonObject {
  const value: unknown = JSON.parse(source.slice(source.indexOf('/') + 1))
  return isObject(value) ? value : {}
}

/** Whether a source is that of clients that declare nothing. */
export function isPlain(source: string): boolean {
  return source.startsWith('p:') && source.endsWith(`/${noProfile}`)
}

/** Whether a source is that of a profile without extensions. */
export function isUsual(source: string): boolean {
  return source.startsWith('p:') && announcedIn(source)['extensions'] === undefined
}

/** The source of a unit whose own process has announced a change. */
export function unitSource(unitKey: string): string {
  return `u:${unitKey}`
}

/** The key of the unit that a source is of; undefined for the source of a profile. */
export function unitKeyIn(source: string): string | undefined {
  return source.startsWith('u:') ? source.slice(2) : undefined
}
