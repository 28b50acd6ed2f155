/** Values of a file as JSON: where no option says what a text means, the way it is written does. Pure. */
import type { JsonValue } from '../../base/json.ts'
import { type FileValue, isMembers } from './file-value.ts'
import { type Path, pathKey, type Spot } from './read-yaml.ts'

/**
 * Makes a function that reads the value at a path. Without quotes, `3`, `true` and `null` are what they are in JSON; texts
 * in quotes and what `${...}` stands for are texts.
 * @param refuse called for a number that JSON cannot hold to the digit, or has no form for; the value is its text then
 */
export function jsonReader(
  spots: ReadonlyMap<string, Spot>,
  refuse: (path: Path, fault: NumberFault) => void,
): (value: FileValue, path: Path) => JsonValue {
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
    if (typeof value === 'string') {
      if (spots.get(pathKey(path))?.isPlain !== true) return value
      const plain = plainValue(value)
      if (typeof plain !== 'object') return plain
      refuse(path, plain)
      return value
    }
    if (!isMembers(value)) return value.map((one, at) => read(one, [...path, at]))
    // What is null is left out of the members, but has a place in the file.
    const names = namesBelow.get(pathKey(path)) ?? []
    return Object.fromEntries(names.map((name) => [name, read(value[name], [...path, name])]))
  }
  return read
}

/** What is wrong with a number. `fault` completes a sentence that begins with what stands there. */
export interface NumberFault {
  readonly fault: string
  readonly accepted: string
}

const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** Numbers of YAML in a form that JSON does not have, but for leading zeros and signs, as codes and telephones have them. */
const otherNumber = /^[-+]?(?:0x[\da-f]+|0o[0-7]+|0b[01]+|\.inf|\.\d+(?:e[+-]?\d+)?|\d+\.(?:e[+-]?\d+)?)$|^\.nan$/i

function plainValue(text: string): string | boolean | number | NumberFault {
  if (text === 'true' || text === 'false') return text === 'true'
  if (!number.test(text)) return otherNumber.test(text) ? noSuchForm : text
  const value = Number(text)
  return Number.isFinite(value) && digitsOf(String(value)) === digitsOf(text) ? value : tooLong
}

const noSuchForm: NumberFault = {
  fault: 'is a number in a form that JSON does not have',
  accepted: 'decimal digits; or quotes around it, if a text is meant',
}
const tooLong: NumberFault = {
  fault: 'is a number that JSON cannot hold to the digit',
  accepted: '15 digits, up to 1e308; or quotes around it, if a text is meant',
}

/** The digits of a number without zeros around them, and its power of ten: the same for all ways to write it. */
function digitsOf(text: string): string {
  const [, whole = '', fraction = '', power = '0'] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? []
  const digits = `${whole}${fraction}`.replace(/^0+/, '')
  const plain = digits.replace(/0+$/, '')
  return plain === '' ? '0' : `${plain}e${Number(power) - fraction.length + digits.length - plain.length}`
}
