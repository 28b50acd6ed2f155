/** Tests the arguments of tools that a file binds: the two ways to write them, what each value is, and that none is shown. */
import { describe, expect, test } from 'vitest'
import type { ReadFile } from './file-source.ts'
import { readFileText } from './read-file.ts'
import { fileSchema } from './json-schema.ts'
import { fileStructure } from './structure.ts'

const structure = fileStructure()
const env = { TOKEN: 's3cret-value', NUMBER: '9000' }

function read(text: string): ReadFile {
  const readFile = (): { fault: string } => ({ fault: 'cannot be read' })
  return readFileText({ file: 'mcplex.yaml', path: '/etc/mcplex/mcplex.yaml', text, structure, env, readFile })
}

function boundIn(members: string): unknown {
  const { problems, upstreams } = read(`upstreams:\n  a: { command: node, ${members} }\n`)
  expect(problems).toEqual([])
  return upstreams.get('a')?.values.get('boundArgs')?.value
}

function problemsIn(upstream: string): string[] {
  return read(`upstreams: { a: ${upstream} }`).problems.map(({ where, code, message }) => `${where} ${code} ${message}`)
}

describe('arguments of tools', () => {
  test.each(['args', 'boundArgs'])('are what %s holds, as JSON', (key) => {
    expect(boundIn(`${key}: { org_id: acme, "a.b": "x" }`)).toEqual({ org_id: 'acme', 'a.b': 'x' })
    const values = `{ n: 1.50, neg: -3, big: 123456789012345, zeros: 007, phone: +49123, yes: true, none: null, empty: {}, "7": ~,
      texts: ["1", "true", "null", no], list: [1, null, [{ a: null, b: [] }]] }`
    expect(boundIn(`${key}: ${values}`)).toEqual({
      n: 1.5,
      neg: -3,
      big: 123456789012345,
      zeros: '007',
      phone: '+49123',
      yes: true,
      none: null,
      empty: {},
      7: null,
      texts: ['1', 'true', 'null', 'no'],
      list: [1, null, [{ a: null, b: [] }]],
    })
  })

  test('may come from variables, always as texts, and through anchors', () => {
    expect(boundIn('args: { token: "${TOKEN}", d: ["${NO_SUCH:-1}"] }')).toEqual({ token: 's3cret-value', d: ['1'] })
    const text = `
upstreams:
  v:
    command: node
    args:
      n: \${NUMBER}
  a: { command: node, args: &base { org_id: acme, n: 1 } }
  b: { command: node, args: { <<: *base, n: null } }
  c: { module: ./tools.js, args: *base }
`
    const { problems, upstreams } = read(text)
    expect(problems).toEqual([])
    const [v, b, c] = ['v', 'b', 'c'].map((name) => upstreams.get(name)?.values.get('boundArgs')?.value)
    expect([v, b, c]).toEqual([{ n: '9000' }, { org_id: 'acme', n: null }, { org_id: 'acme', n: 1 }])
  })

  test.each(['1e23', '1.50', '0.1', '-0', '1e-7', '123456789.000', '9007199254740991', '12E2'])(
    'are numbers that JSON holds to the digit: %s',
    (text) => {
      expect(boundIn(`args: { n: ${text} }`)).toEqual({ n: Number(text) })
    },
  )

  test.each([
    ['12345678901234567890', 'that JSON cannot hold to the digit'],
    ['9007199254740993', 'that JSON cannot hold to the digit'],
    ['0.12345678901234567890123', 'that JSON cannot hold to the digit'],
    ['1e400', 'that JSON cannot hold to the digit'],
    ['1e-400', 'that JSON cannot hold to the digit'],
    ['0x1ffffffffffffffff', 'in a form that JSON does not have'],
    ['0x1F', 'in a form that JSON does not have'],
    ['0o17', 'in a form that JSON does not have'],
    ['.inf', 'in a form that JSON does not have'],
    ['-.INF', 'in a form that JSON does not have'],
    ['.nan', 'in a form that JSON does not have'],
    ['.5', 'in a form that JSON does not have'],
  ])('that JSON cannot hold are an error, unless they are texts: %s', (number, fault) => {
    const [problem, ...others] = read(`upstreams: { a: { command: x, boundArgs: { l: [1, ${number}] } } }`).problems
    expect(others).toEqual([])
    expect(problem).toMatchObject({
      where: 'mcplex.yaml:1:51',
      code: 'config_number',
      message: `upstreams.a.boundArgs.l.1 *** is a number ${fault}`,
      notes: [['accepted', expect.stringContaining('quotes around it, if a text is meant')]],
    })
    expect(JSON.stringify(problem)).not.toContain(number)
    expect(boundIn(`boundArgs: { l: [1, "${number}"], s: !!str ${number} }`)).toEqual({ l: [1, number], s: number })
  })

  test('are what a tag of the JSON schema says', () => {
    const tagged =
      '{ i: !!int "5", f: !!float 5, s: !!str 5, b: !!bool "true", n: !!null "", e: !!str , v: !!int "${NUMBER}" }'
    expect(boundIn(`boundArgs: ${tagged}`)).toEqual({ i: 5, f: 5, s: '5', b: true, n: null, e: '', v: 9000 })
    expect(boundIn('boundArgs: !!map { l: !!seq [1] }')).toEqual({ l: [1] })
  })

  test('stand beside those of the command', () => {
    const both = read('upstreams: { a: { command: npx, args: [-y, server], boundArgs: { org_id: acme } } }')
    expect(both.problems).toEqual([])
    const inList = read('upstreams: { a: { command: [npx, -y, server], args: { org_id: acme } } }')
    expect(inList.problems).toEqual([])
    for (const { upstreams } of [both, inList]) {
      const values = upstreams.get('a')?.values
      expect(values?.get('command')?.value).toBe('npx')
      expect(values?.get('args')?.value).toEqual(['-y', 'server'])
      expect(values?.get('boundArgs')?.value).toEqual({ org_id: 'acme' })
    }
    expect(boundIn('args: [server]')).toBeUndefined()
  })

  test.each([
    [
      '{ command: x, args: { a: b }, boundArgs: { a: c } }',
      '1:31 config_structure upstreams.a.args is the same option as upstreams.a.boundArgs',
    ],
    ['{ command: x, boundArgs: [a] }', '1:42 config_structure upstreams.a.boundArgs is not a mapping'],
    ['{ command: x, boundArgs: a }', '1:42 config_structure upstreams.a.boundArgs a is not a mapping'],
    ['{ command: x, args: { __proto__: { a: b } } }', '1:31 config_name upstreams.a.args has a name that no'],
    ['{ command: x y, args: { a: b } }', '1:28 config_command upstreams.a.command "x y" is a whole command line'],
    [
      '{ module: ./x.js, args: [a] }',
      '1:35 config_unknown_key upstreams.a.args is nothing for an upstream with module',
    ],
  ])('are wrong: %s', (upstream, expected) => {
    expect(problemsIn(upstream)).toEqual([expect.stringContaining(`mcplex.yaml:${expected}`)])
  })

  test.each(['args', 'boundArgs'])('are in no problem and no frame: %s', (key) => {
    const { problems } = read(`upstreams: { a: { command: x, ${key}: { k: hunter2, l: [hunter2] }, mode: sesion } }`)
    expect(problems).toHaveLength(1)
    expect(problems[0]?.place?.frame.join('\n')).toContain('sesion')
    expect(JSON.stringify(problems)).not.toContain('hunter2')
  })

  test('are in the schema for editors', () => {
    const text = JSON.stringify(fileSchema())
    expect(text).toContain('"boundArgs":{"type":"object"')
    expect(text).toContain(
      '"anyOf":[{"type":"array","items":{"type":["string","number","boolean"]}},{"type":"object"}]',
    )
  })
})
