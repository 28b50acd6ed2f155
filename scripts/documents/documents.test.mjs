import { describe, expect, test } from 'vitest'
import { wrongNumbers } from './check-numbers.mjs'
import { deadPackedLinks, wrongLinks } from './links.mjs'
import { explainedMessages, messagesOf, wrongMessages } from './log-messages.mjs'
import { privateMarks } from './marks.mjs'
import { deadPathsOfDocument, deadPathsOfSource } from './paths.mjs'
import { createTree } from './tree.mjs'

const texts = {
  'README.md': '# Start\n\n## What it is, and why\n',
  'docs/guide.md': '# Guide\n',
  'docs/decisions/0001-one.md': '# One\n',
  'examples/a.mjs': '',
  'src/admission/admission.ts': '',
  'src/admission/options.ts': '',
}
const tree = createTree(Object.keys(texts), (path) => texts[path])
const lines = (found) => found.map(({ line, message }) => `${line} ${message.split(':')[0]}`)
const none = []

describe('links of a document', () => {
  test.each([
    'guide.md',
    '../README.md#what-it-is-and-why',
    '#guide',
    'decisions/',
    'https://a.example/b',
    'mailto:a@b',
  ])('%s leads somewhere', (href) => {
    expect(
      wrongLinks('docs/guide.md', `# Guide\n\n[a](${href})\n`, {
        ...tree,
        read: () => '# Guide\n## What it is, and why',
      }),
    ).toEqual(none)
  })

  test.each(['gone.md', '../guide.md', 'guide.md#gone', '#gone'])(
    '%s leads nowhere, and is told with its line',
    (href) => {
      expect(lines(wrongLinks('docs/guide.md', `# Guide\n\n[a](${href})\n`, tree))).toEqual([`3 ${href}`])
    },
  )

  test('a link whose text names another file is wrong', () => {
    const text = '[`admission.ts`](src/admission/admission.ts) and [`gate.ts`](src/admission/admission.ts)'
    expect(lines(wrongLinks('README.md', text, tree))).toEqual(['1 src/admission/admission.ts'])
  })

  test('code is no link', () => {
    expect(wrongLinks('README.md', '`[a](b)`\n\n```md\n[a](b)\n```\n', tree)).toEqual(none)
  })
})

test('a packed document may link only to what is packed', () => {
  const packed = ['README.md', 'docs/guide.md']
  const read = () => '[a](docs/guide.md) [b](docs) [c](examples)'
  expect(lines(deadPackedLinks(['README.md', 'docs/guide.md'], { ...tree, read })).slice(0, 1)).toEqual(['1 examples'])
  expect(deadPackedLinks([...packed, 'examples/a.mjs'], { ...tree, read: () => '[c](../examples/a.mjs)' })).toEqual(
    none,
  )
})

describe('paths in a document', () => {
  test.each([
    'admission/admission.ts',
    'src/admission/',
    'admission/admission',
    'admission/{admission,options}.ts',
    '<any>/options.ts',
  ])('`%s` is there', (name) => {
    expect(deadPathsOfDocument('README.md', `\`${name}\``, tree)).toEqual(none)
  })

  test.each(['tools/call', '/health', '@scope/package', 'dist/admission/admission.js', 'node_modules/a.mjs', 'a b.ts'])(
    '`%s` is no path of a source, or one that is there',
    (name) => {
      expect(deadPathsOfDocument('README.md', `\`${name}\``, tree)).toEqual(none)
    },
  )

  test.each([
    'admission/gone.ts',
    'src/gone/',
    'gone.ts',
    'admission/{admission,gone}.ts',
    'docs/gone.md',
    'dist/gone.js',
  ])('`%s` is told with its line', (name) => {
    expect(lines(deadPathsOfDocument('README.md', `\n\`${name}\``, tree))).toEqual([`2 ${name}`])
  })
})

test('comments of a module name what is there, with and without backticks, and its texts name documents that are there', () => {
  const text = [
    '// admission/admission.ts, `options.ts`, docs/decisions/0001 and docs/guide.md are there',
    '// admission/gone.ts, `gone.ts` and docs/decisions/0002 are not',
    "import { a } from '../gone/b.ts'",
    "const help = 'see docs/gone.md'",
  ].join('\n')
  expect(lines(deadPathsOfSource('src/admission/x.ts', text, tree)).toSorted()).toEqual(
    ['2 docs/decisions/0002-*.md', '2 admission/gone.ts', '2 gone.ts', '4 docs/gone.md'].toSorted(),
  )
})

test('marks that no reader can look up are told, tags of the specification are not', () => {
  const text = '[2025-11-25 transports, sessions 3]\n// [R06] why\n// M12\ndocs/field.md 1\nprotocol.md 7\n'
  expect(lines(privateMarks('src/x.ts', text))).toEqual(['2 R06', '3 M12', '5 protocol.md'])
})

describe('numbers in a document', () => {
  const source = {
    'src/a.ts': 'const waitMs = 30_000\nexport const most: number = 16 * 1024\nconst roomBytes = 4 * 1024 ** 2\n',
  }
  const options = [{ ownEnv: 'MCPLEX_WAIT', option: { kind: 'duration', default: 600_000 } }]
  const read = (text) => ({ has: (path) => path in source, read: (path) => source[path] ?? text })
  const check = (text, phrase, ...values) =>
    lines(wrongNumbers([{ document: 'a.md', phrase, values }], read(text), options))

  test.each(['waits 30 s', 'waits  30s', 'waits 30 seconds'])('%s is the constant of 30_000 ms', (text) => {
    expect(check(text, 'waits {}', 'a.ts waitMs')).toEqual(none)
  })

  test('options, sizes, counts and several values are found in any usual spelling', () => {
    expect(check('ten minutes at most', '{} at most', 'MCPLEX_WAIT')).toEqual(none)
    expect(check('| 16,384, of 4 MiB | why | `--x` |', '| {}, of {} | … `--x`', 'a.ts most', 'a.ts roomBytes')).toEqual(
      none,
    )
  })

  test.each(['waits 3 s', 'waits 130 s', 'waits 30 ms'])('%s is another number', (text) => {
    expect(check(text, 'waits {}', 'a.ts waitMs')).toHaveLength(1)
  })

  test('another number is told with its line, a value that is not there with the table', () => {
    expect(
      wrongNumbers([{ document: 'a.md', phrase: 'waits {}', values: ['a.ts waitMs'] }], read('\nwaits 20 s'), options),
    ).toEqual([{ path: 'a.md', line: 2, message: expect.stringContaining('does not say "waits 30 s" (a.ts waitMs)') }])
    expect(check('waits 20 s', 'waits {}', 'a.ts gone')).toEqual(['1 a.ts gone'])
  })
})

describe('messages of the log', () => {
  const code = [
    "log.info({ a: f('x, y', `(`) }, 'begins')",
    "if (!is) this.#log.warn({}, is ? 'is old, (or so)' : `${what({ a })} is new`)",
    "needs.accessLog.error(\n  { err },\n  'has failed',\n)",
    'catalog.info({}, 1)',
  ].join('\n')
  const table = (...rows) => ['| `msg` | level |', '| --- | --- |', ...rows].join('\n')
  const check = (document) =>
    wrongMessages('log.md', ['src/a.ts'], { read: (path) => (path === 'log.md' ? document : code) })

  test('are read where the log is called, with what is put into them as …', () => {
    expect(messagesOf('src/a.ts', code).map(({ line, level, text }) => `${line} ${level} ${text}`)).toEqual([
      '1 info begins',
      '2 warn is old, (or so)',
      '2 warn … is new',
      '3 error has failed',
    ])
  })

  test('are explained by the tables that have them, and by no others', () => {
    const text = `${table('| `a`, `b` | info, warn |')}\n\n| key |\n| --- |\n| \`c\` |\n`
    expect(explainedMessages(text).map(({ text: message, levels }) => [message, levels])).toEqual([
      ['a', ['info', 'warn']],
      ['b', ['info', 'warn']],
    ])
  })

  const all = ['| `begins` | info |', '| `is old, …`, `… is new` | warn |', '| `has failed` | error |']

  test('are all well if each is explained with its level', () => {
    expect(check(table(...all))).toEqual(none)
  })

  test('one that is not explained, has another level, or is gone is told with its place', () => {
    const found = check(table('| `begins` | debug |', all[1], '| `is gone` | warn |'))
    expect(found.map(({ path, line }) => `${path}:${line}`)).toEqual(['src/a.ts:1', 'src/a.ts:3', 'log.md:5'])
  })

  test('one that does not stand at the call is told', () => {
    const read = (path) => (path === 'log.md' ? '' : 'log.info({}, message)')
    expect(lines(wrongMessages('log.md', ['src/a.ts'], { read }))).toEqual([
      '1 a message of the log that does not stand at its call',
    ])
  })
})
