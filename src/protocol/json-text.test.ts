import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  editMembers,
  editObject,
  eachMember,
  elementTexts,
  exceedsLimits,
  isObject,
  type JsonValue,
  memberText,
  onOneLine,
  parseObject,
} from './json-text.ts'

/** JSON as people and other languages write it: with white space, needless escapes, and numbers of any length. */
const space = fc.constantFrom('', '', '', ' ', '\n', '\r\n\t ')
const character = fc.oneof(
  fc.constantFrom('\\n', '\\"', '\\\\', '\\/', '\\u0000', '\\u0061', '\\ud83d\\ude00', '\\udead', '\u2028', '\u007f'),
  fc.constantFrom('{', '}', '[', ']', ',', ':', ' ', 'é', '😀'),
  fc.string({ maxLength: 1 }).filter((text) => JSON.stringify(text) === `"${text}"`),
)
const stringText = fc.array(character, { maxLength: 6 }).map((parts) => `"${parts.join('')}"`)
const keyText = fc.oneof(
  fc.constantFrom('"a"', '"\\u0061"', '"id"', '"_meta"', '""', '"__proto__"', '"constructor"', '"toString"', '"1"'),
  stringText,
)
const scalarText = fc.oneof(
  stringText,
  fc.constantFrom('true', 'false', 'null', '0', '-0', '1.0', '1e5', '1E+400', '-0.5e-3'),
  fc.constantFrom('12345678901234567890', '0.1000000000000000055511151231257827', '9007199254740993'),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
)

interface Written {
  readonly text: string
  /** Each member's key and the exact text of its value. */
  readonly members: ReadonlyArray<readonly [key: string, value: string]>
}

const { value: valueText, object: objectText } = fc.letrec<{ value: string; array: string; object: Written }>(
  (tie) => ({
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      scalarText,
      tie('array'),
      tie('object').map(({ text }) => text),
    ),
    array: fc
      .array(fc.tuple(space, tie('value'), space), { maxLength: 4 })
      .map((items) => `[${items.map((item) => item.join('')).join(',')}${items.length === 0 ? ' ' : ''}]`),
    object: fc.array(fc.tuple(space, keyText, space, space, tie('value'), space), { maxLength: 5 }).map((members) => ({
      text: `{${members.map(([a, key, b, c, value, d]) => `${a}${key}${b}:${c}${value}${d}`).join(',')}}`,
      members: members.map(([, key, , , value]) => [key, value] as const),
    })),
  }),
)

const parse = (text: string): JsonValue => JSON.parse(text) as JsonValue

/** The members found by a walk over the text: the decoded key, and the exact text of the value. */
function walk(text: string, at = 0): { members: Array<[string, string]>; end: number } {
  const members: Array<[string, string]> = []
  const end = eachMember(text, at, (key, start, stop) => members.push([key, text.slice(start, stop)]))
  return { members, end }
}

const decoded = (members: Written['members']): Array<[string, string]> =>
  members.map(([key, value]) => [JSON.parse(key) as string, value])

describe('the members of an object', () => {
  test('are found in order, with decoded keys and the exact texts of their values', () => {
    fc.assert(
      fc.property(
        objectText,
        space,
        fc.constantFrom('', '[1,', '"{'),
        fc.constantFrom('', ',2]', '}'),
        (object, gap, before, after) => {
          const text = before + gap + object.text + after
          const { members, end } = walk(text, before.length)
          expect(members).toEqual(decoded(object.members))
          expect(text.slice(end)).toBe(after)
        },
      ),
    )
  })

  test('are the same that JSON.parse finds: for a duplicate key the last one', () => {
    fc.assert(
      fc.property(objectText, ({ text }) => {
        const own = new Map(walk(text).members.map(([key, value]) => [key, parse(value)]))
        const parsed = parse(text)
        assert(isObject(parsed))
        expect(new Set(own.keys())).toEqual(new Set(Object.keys(parsed)))
        for (const [key, value] of own) {
          assert.deepStrictEqual(value, parsed[key])
          assert.deepStrictEqual(parse(memberText(text, key) ?? ''), value)
        }
        expect(memberText(text, 'no such member')).toBeUndefined()
      }),
    )
  })
})

test('the elements of an array are found in order, with their exact texts', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(space, valueText, space)), space, (items, gap) => {
      const text = `${gap}[${items.map((item) => item.join('')).join(',')}${gap}]`
      expect(elementTexts(text)).toEqual(items.map(([, value]) => value))
    }),
  )
})

describe('an edit', () => {
  const edits = fc.dictionary(
    keyText.map((key) => JSON.parse(key) as string).filter((key) => key !== '__proto__'),
    fc.option(valueText, { nil: null }),
    { maxKeys: 4 },
  )

  test('changes the named members and keeps the exact text of all others', () => {
    fc.assert(
      fc.property(objectText, edits, ({ text, members }, changes) => {
        const edited = walk(editMembers(text, changes)).members
        const kept = decoded(members).filter(([key]) => !Object.hasOwn(changes, key))
        const added = Object.entries(changes).filter((change): change is [string, string] => change[1] !== null)
        expect(edited).toEqual([...kept, ...added])
      }),
    )
  })

  /** Values as mcplex makes them: only those that JSON can represent. */
  const plain = (text: string): JsonValue => parse(JSON.stringify(parse(text)))

  test('of a value and its text keeps the two equal', () => {
    fc.assert(
      fc.property(objectText, edits, ({ text }, changes) => {
        const raw = parseObject(text)
        assert(raw)
        const before = structuredClone(raw.value)
        const values = Object.entries(changes).map(
          ([key, change]) => [key, change === null ? undefined : plain(change)] as const,
        )
        const edited = editObject(raw, Object.fromEntries(values))
        assert.deepStrictEqual(parse(edited.text), edited.value)
        for (const [key, value] of values) {
          assert.equal(Object.hasOwn(edited.value, key), value !== undefined)
          if (value !== undefined) assert.deepStrictEqual(edited.value[key], value)
        }
        assert.deepStrictEqual(raw.value, before)
      }),
    )
  })
})

test('a text is an object exactly if JSON.parse says so', () => {
  const arbitrary = fc.oneof(
    valueText,
    fc.string(),
    fc.tuple(valueText, fc.nat()).map(([text, at]) => text.slice(0, at % (text.length + 1))),
  )
  fc.assert(
    fc.property(arbitrary, (text) => {
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch {
        value = undefined
      }
      assert.deepStrictEqual(parseObject(text), isObject(value) ? { value, text } : undefined)
    }),
  )
})

test('a text on one line has no line break and the same value', () => {
  fc.assert(
    fc.property(valueText, (text) => {
      const line = onOneLine(text)
      expect(line).not.toMatch(/[\r\n]/)
      assert.deepStrictEqual(parse(line), parse(text))
    }),
  )
})

describe('limits', () => {
  /** How deep a value nests, and how many members and elements it has in all. */
  const measure = (value: JsonValue): { depth: number; members: number } => {
    if (typeof value !== 'object' || value === null) return { depth: 0, members: 0 }
    const inner = Object.values(value).map((item) => measure(item ?? null))
    return {
      depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
      members: inner.length + inner.reduce((sum, { members }) => sum + members, 0),
    }
  }
  /** Without duplicate keys, which the parsed value does not show. */
  const plainText = fc
    .tuple(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1, '\t'))
    .map(([value, indent]) => JSON.stringify(value, undefined, indent))

  test('accept texts within them, and refuse deeper ones', () => {
    fc.assert(
      fc.property(plainText, (text) => {
        const { depth, members } = measure(parse(text))
        expect(exceedsLimits(text, depth, members + 1)).toBe(false)
        expect(exceedsLimits(text, depth - 1, members + 1)).toBe(depth > 0)
      }),
    )
  })

  test('refuse texts with more members, however they are nested', () => {
    fc.assert(
      fc.property(plainText, (text) => {
        const { depth, members } = measure(parse(text))
        fc.pre(members > 1)
        expect(exceedsLimits(text, depth, members - 1)).toBe(true)
      }),
    )
  })

  test('work on any text, even if it is not JSON', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '"', ',', ':', '\\', ' ', '1') })),
        (text) => {
          expect(typeof exceedsLimits(text, 3, 3)).toBe('boolean')
        },
      ),
    )
  })
})
