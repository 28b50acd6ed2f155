/** Values of a file as JSON: where no option says what a text means, the way it is written does. Pure. */
import type { JsonValue } from '../../base/json.ts'
import { type FileValue, isMembers } from './file-value.ts'
import { type Path, pathKey, type Spot } from './read-yaml.ts'

/**
 * Makes a function that reads the value at a path. Without quotes, `3`, `true` and `null` are what they are in JSON; texts
 * in quotes and what `${...}` stands for are texts. A whole number that JSON cannot hold to the digit stays a text.
 */
export function jsonReader(spots: ReadonlyMap<string, Spot>): (value: FileValue, path: Path) => JsonValue {
  const namesBelow = new Map<string, string[]>()
  for (const key of spots.keys()) {
    const end = key.lastIndexOf('\0')
    const parent = key.slice(0, Math.max(0, end))
    const names = namesBelow.get(parent)
    if (names) names.push(key.slice(end + 1))
    else namesBelow.set(parent, [key.slice(end + 1)])
  }
  const read = (value: FileValue, path: Path): JsonValue => {
    if (value === undefined) return null
    if (typeof value === 'string') return spots.get(pathKey(path))?.isPlain === true ? plainValue(value) : value
    if (!isMembers(value)) return value.map((one, at) => read(one, [...path, at]))
    // What is null is left out of the members, but has a place in the file.
    const names = namesBelow.get(pathKey(path)) ?? []
    return Object.fromEntries(names.map((name) => [name, read(value[name], [...path, name])]))
  }
  return read
}

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

function plainValue(text: string): JsonValue {
  if (text === 'true' || text === 'false') return text === 'true'
  if (!number.test(text)) return text
  const value = Number(text)
  return Number.isFinite(value) && (!/^-?\d+$/.test(text) || Number.isSafeInteger(value)) ? value : text
}
