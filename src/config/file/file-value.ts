/** What a file holds, as plain values. Pure. */

/** Texts, lists, and mappings without a prototype. What is empty or null is left out of mappings. */
export type FileValue = string | readonly FileValue[] | FileMembers | undefined

export interface FileMembers {
  readonly [key: string]: FileValue
}

export function isMembers(value: FileValue): value is FileMembers {
  return typeof value === 'object' && !Array.isArray(value)
}

const nothing: FileMembers = Object.freeze(Object.create(null))

/** The members of a mapping; none of anything else. */
export function membersOf(value: FileValue): FileMembers {
  return isMembers(value) ? value : nothing
}

/** The value at a path; undefined if there is none. */
export function fileValueAt(value: FileValue, path: ReadonlyArray<string | number>): FileValue {
  return path.reduce<FileValue>((found, key) => membersOf(found)[key], value)
}

/** The names in a mapping; none of anything else. */
export function namesIn(value: FileValue): string[] {
  return isMembers(value) ? Object.keys(value).filter((name) => value[name] !== undefined) : []
}

/** The members that are texts. */
export function textsOfMembers(members: object): Record<string, string> {
  const texts = Object.entries(members).filter((member): member is [string, string] => typeof member[1] === 'string')
  return Object.fromEntries(texts)
}
