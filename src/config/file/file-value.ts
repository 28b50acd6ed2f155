/** What a file holds, as plain values. Pure. */

/** Texts, lists, and mappings without a prototype. What is empty or null is left out of mappings. */
export type FileValue = string | readonly FileValue[] | Members | undefined

export interface Members {
  readonly [key: string]: FileValue
}

export function isMembers(value: FileValue): value is Members {
  return typeof value === 'object' && !Array.isArray(value)
}

/** The members of a mapping; none of anything else. */
export function membersOf(value: FileValue): Members {
  return isMembers(value) ? value : {}
}

/** The value at a path; undefined if there is none. */
export function valueAt(value: FileValue, path: ReadonlyArray<string | number>): FileValue {
  return path.reduce<FileValue>((found, key) => membersOf(found)[key], value)
}
