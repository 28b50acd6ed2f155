/**
 * The keys of catalogue sources: one for each capability profile, alone or with the name and version of a client, and one
 * for each isolation group whose own worker lists something else. Only this file parses them.
 */
import type { EraName } from '../../protocol/call.ts'
import { isObject, type JsonObject } from '../../protocol/json-text.ts'
import { emptyProfile } from './profile-keys.ts'

/** Ends the profile in a key. It cannot occur in JSON. */
const separator = '\0'

/**
 * The source for clients of a profile; without one, for clients that declare nothing.
 * @param name the key of a client's name and version, if the source is for these clients alone
 */
export function profileSource(era: EraName, profile: string = emptyProfile, name?: string): string {
  const source = `p:${era}/${profile}`
  return name === undefined ? source : `${source}${separator}${name}`
}

/** The era of the catalog workers of a profile's source; undefined for the source of a group. */
export function eraIn(source: string): EraName | undefined {
  return (['legacy', 'modern'] as const).find((era) => source.startsWith(`p:${era}/`))
}

/** The same source for clients of any name. */
export function withoutName(source: string): string {
  const end = source.startsWith('p:') ? source.indexOf(separator) : -1
  return end < 0 ? source : source.slice(0, end)
}

/** The client info in the key of a source; undefined if it is for clients of any name. */
export function infoIn(source: string): JsonObject | undefined {
  const end = source.startsWith('p:') ? source.indexOf(separator) : -1
  return end < 0 ? undefined : parsed(source.slice(end + 1))
}

/** The capabilities in the key of a profile's source. */
export function announcedIn(source: string): JsonObject {
  return parsed(withoutName(source).slice(source.indexOf('/') + 1))
}

function parsed(text: string): JsonObject {
  const value: unknown = JSON.parse(text)
  return isObject(value) ? value : {}
}

/** Whether a source is for clients that declare nothing, of any name. */
export function isEmptyProfile(source: string): boolean {
  return source.startsWith('p:') && source.endsWith(`/${emptyProfile}`)
}

/** Whether a source is for a profile without extensions and clients of any name. */
export function isWithoutExtensions(source: string): boolean {
  return source.startsWith('p:') && !source.includes(separator) && announcedIn(source)['extensions'] === undefined
}

/** The source of a group whose own worker lists something else. */
export function groupSource(groupKey: string): string {
  return `u:${groupKey}`
}

/** The key of the group of a source; undefined for the source of a profile. */
export function groupKeyIn(source: string): string | undefined {
  return source.startsWith('u:') ? source.slice(2) : undefined
}

/**
 * Whether the lists of a source may have changed when those of another have: a source for one client name has no worker
 * most of the time, so the workers of clients of any name speak for it.
 */
export function follows(source: string, changed: string): boolean {
  if (source === changed) return true
  return infoIn(source) !== undefined && infoIn(changed) === undefined && eraIn(source) === eraIn(changed)
}
