import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { putEntry, removeEntries } from './edit.ts'

const entry = { type: 'http', url: 'http://127.0.0.1:8080/mcp' }

function put(text: string, section = 'mcpServers'): string {
  const edited = putEntry(text, section, 'mcplex', entry)
  if (edited.kind !== 'changed') throw new Error(`not changed: ${JSON.stringify(edited)}`)
  return edited.text
}

describe('an entry is added', () => {
  test.each([
    ['', '{\n  "mcpServers": {\n    "mcplex": {\n      "type": "http",'],
    [' \n', '{\n  "mcpServers": {\n    "mcplex": {'],
    ['{}', '"mcplex": {'],
    ['{"mcpServers":{}}', '{"mcpServers":{\n  "mcplex": {\n    "type": "http",'],
    ['{"mcpServers":{ /* none */ }}', '{ /* none */\n  "mcplex": {'],
    ['{\n  "mcpServers": {\n  }\n}', '{\n  "mcpServers": {\n    "mcplex": {\n      "type": "http",'],
    ['\uFEFF{}', '\uFEFF{'],
  ])('into %j', (text, part) => {
    expect(put(text)).toContain(part)
    expect(JSON.parse(put(text).replace(/\uFEFF|\/\*.*\*\//, ''))).toEqual({ mcpServers: { mcplex: entry } })
  })

  test('beside others, which do not change, nor do comments, order and spaces', () => {
    const before = `{
    // what I use
    "other":   [1,2,   3],
    "servers": {
        "b": { "command": "b" }, /* b first */
        "a": {"url":"http://a",},
    },
    "inputs": [] // none
}
`
    const own =
      '\n        "mcplex": {\n            "type": "http",\n            "url": "http://127.0.0.1:8080/mcp"\n        }'
    expect(put(before, 'servers').split(own)).toEqual(before.split(/(?<="http:..a",},)/))
    expect(put(before).replace(',\n    "mcpServers": {', '\n    "mcpServers": {')).toContain(
      before.slice(0, before.indexOf('"inputs"')),
    )
  })

  test('after the comment of the entry before it', () => {
    expect(put('{\n  "mcpServers": {\n    "a": {} // mine, not yours\n  }\n}')).toContain(
      '\n    "a": {}, // mine, not yours\n    "mcplex": {\n',
    )
  })

  test.each([
    ['tabs', '{\n\t"mcpServers": {\n\t\t"a": {}\n\t}\n}\n', '\n\t\t"mcplex": {\n\t\t\t"type"'],
    ['four spaces', '{\n    "mcpServers": {}\n}\n', '\n        "mcplex": {\n            "type"'],
    ['line ends of Windows', '{\r\n  "mcpServers": {\r\n  }\r\n}\r\n', '\r\n    "mcplex": {\r\n      "type"'],
  ])('in the layout of the file: %s', (_name, before, part) => {
    expect(put(before)).toContain(part)
  })

  test('once: the second time nothing changes', () => {
    const text = put('{"mcpServers": {"other": {}}}')
    expect(putEntry(text, 'mcpServers', 'mcplex', entry)).toEqual({ kind: 'unchanged' })
    const reordered = '{"mcpServers":{"mcplex":{"url":"http://127.0.0.1:8080/mcp","type":"http"}}}'
    expect(putEntry(reordered, 'mcpServers', 'mcplex', entry)).toEqual({ kind: 'unchanged' })
  })

  test('in place of another one of its name, which is reported', () => {
    const edited = putEntry('{"mcpServers":{"mcplex":{"url":"http://old"},"z":{}}}', 'mcpServers', 'mcplex', entry)
    expect(edited).toMatchObject({ kind: 'changed', isReplaced: true })
    expect(JSON.parse(edited.kind === 'changed' ? edited.text : '')).toEqual({ mcpServers: { mcplex: entry, z: {} } })
  })
})

describe('a text is not changed', () => {
  test.each([
    ['{"mcpServers": {', 1, 17, 'close brace expected'],
    ['{\n  "mcpServers": {\n    "a" {}\n  }\n}', 3, 9, 'colon expected'],
    ['not json', 1, 1, 'invalid symbol'],
    ['[]', 1, 1, 'not an object'],
    ['"text"', 1, 1, 'not an object'],
    ['{\r\n "mcpServers": []}', 2, 16, '"mcpServers" is not an object'],
    ['{"mcpServers": null}', 1, 16, '"mcpServers" is not an object'],
    ['{"mcpServers": {}, "mcpServers": {}}', 1, 20, '"mcpServers" is there twice'],
    ['{"mcpServers": {"mcplex": 1, "mcplex": 2}}', 1, 30, '"mcplex" is there twice'],
    ['{} {}', 1, 4, 'end of file expected'],
    ['{"a": 1 "b": 2}', 1, 9, 'comma expected'],
  ])('that is %j, and the position is reported', (text, line, column, why) => {
    const edited = putEntry(text, 'mcpServers', 'mcplex', entry)
    expect(edited).toMatchObject({ kind: 'broken', line, column })
    expect(edited).toHaveProperty('why', expect.stringContaining(why))
  })
})

test('all other content of a file stays in it', () => {
  const servers = fc.dictionary(fc.string(), fc.jsonValue())
  const file = fc.record({ mcpServers: servers, other: fc.jsonValue() }, { requiredKeys: [] })
  fc.assert(
    fc.property(file, fc.constantFrom(undefined, 2, 4, '\t'), (before, indent) => {
      const text = JSON.stringify(before, undefined, indent)
      // As JSON has it: it knows no -0.
      const there = JSON.parse(text) as typeof before
      expect(JSON.parse(put(text))).toEqual({ ...there, mcpServers: { ...there.mcpServers, mcplex: entry } })
    }),
  )
})

test.each(['[', '{"a":'])('a text that is nested too deeply is told, and not changed: %s', (open) => {
  const text = `{\n"mcpServers": {}, "x": ${open.repeat(20_000)}`
  expect(putEntry(text, 'mcpServers', 'mcplex', entry)).toMatchObject({
    kind: 'broken',
    line: 2,
    why: 'it is nested too deeply',
  })
  expect(removeEntries(text, 'mcpServers', ['a'])).toBeUndefined()
})
