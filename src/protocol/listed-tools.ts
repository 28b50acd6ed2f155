/** What a page of `tools/list` has, in short: for operators, who ask what a session was shown. Pure. */
import { contentId } from '../base/ids.ts'
import { detachedText } from '../base/detached-text.ts'
import { isObject, type RawObject } from './json-text.ts'

/** The most names that are kept of a page. */
const maxNames = 100
/** [2025-11-25 tools, names] at most 128 characters */
const maxNameChars = 128
const hashChars = 12

export interface ListedTools {
  /** The first names, in the order of the list. */
  readonly names: readonly string[]
  readonly count: number
  /** Of all definitions: equal for lists that are the same. */
  readonly hash: string
}

export function summarizeTools({ value, text }: RawObject): ListedTools {
  const tools = Array.isArray(value['tools']) ? value['tools'] : []
  const names = tools.slice(0, maxNames).map((tool) => {
    const name = isObject(tool) ? tool['name'] : undefined
    // A slice would keep the whole list.
    return typeof name === 'string' ? detachedText(name.slice(0, maxNameChars)) : ''
  })
  return { names, count: tools.length, hash: contentId([text]).slice(0, hashChars) }
}

/** What one takes in memory besides its names, and a name besides its characters, in bytes: as measured, rounded up. */
const listedBytes = 160
const nameBytes = 24

/** What is kept of a list, in bytes. Names are of ASCII, as the specification has them. [2025-11-25 tools, names] */
export function bytesOfListed({ names }: ListedTools): number {
  return names.reduce((sum, name) => sum + nameBytes + name.length, listedBytes)
}

/** The pages of a list as one. */
export function joinListed(pages: readonly ListedTools[]): ListedTools | undefined {
  const [first, ...others] = pages
  if (!first || others.length === 0) return first
  return {
    names: pages.flatMap(({ names }) => names).slice(0, maxNames),
    count: pages.reduce((sum, { count }) => sum + count, 0),
    hash: contentId(pages.map(({ hash }) => hash)).slice(0, hashChars),
  }
}
