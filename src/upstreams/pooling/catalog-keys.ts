/**
 * The keys of catalogue sources: one for each capability profile, and one for each isolation group whose own worker has
 * announced a change. Only this file parses them.
 */
import type { EraName } from '../../protocol/call.ts'
import { isObject, type JsonObject } from '../../protocol/json-text.ts'
import { emptyProfile } from './profile-keys.ts'

/** The source for clients of a profile; without one, for clients that declare nothing. */
export function profileSource(era: EraName, profile: string = emptyProfile): string {
  return `p:${era}/${profile}`
}

/** The era of the catalog workers of a profile's source; undefined for the source of a group. */
export function eraIn(source: string): EraName | undefined {
  return (['legacy', 'modern'] as const).find((era) => source.startsWith(`p:${era}/`))
}

/** The capabilities in the key of a profile's source. */
export function announcedIn(source: string): JsonObject {
  const value: unknown = JSON.parse(source.slice(source.indexOf('/') + 1))
  return isObject(value) ? value : {}
}

/** Whether a source is for clients that declare nothing. */
export function isEmptyProfile(source: string): boolean {
  return source.startsWith('p:') && source.endsWith(`/${emptyProfile}`)
}

/** Whether a source is for a profile without extensions; false for the source of a group. */
export function isWithoutExtensions(source: string): boolean {
  return source.startsWith('p:') && announcedIn(source)['extensions'] === undefined
}

/** The source of a group whose own worker has announced a change. */
export function groupSource(groupKey: string): string {
  return `u:${groupKey}`
}

/** The key of the group of a source; undefined for the source of a profile. */
export function groupKeyIn(source: string): string | undefined {
  return source.startsWith('u:') ? source.slice(2) : undefined
}
