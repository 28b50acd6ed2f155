import { describe, expect, test } from 'vitest'
import type { Problem } from '../problem.ts'
import type { ReadFile } from './file-source.ts'
import { readFileText } from './read-file.ts'
import { clientServers } from './client-servers.ts'
import { fileStructure } from './structure.ts'

const env = { TOKEN: 's3cret-value', EMPTY: '', PORT_TEXT: '9000' }
const structure = fileStructure()

function read(text: string, file = 'mcplex.yaml'): ReadFile {
  const readFile = (path: string): { text: string } | { fault: string } =>
    path === '/run/secrets/github' ? { text: 'from-file' } : { fault: `cannot be read: ENOENT` }
  return readFileText({ file, path: `/etc/mcplex/${file}`, text, structure, env, readFile })
}

/** A file with one upstream that is right. */
const withServer = (text: string): string => `${text}\nupstreams:\n  one: { command: node }\n`

function valuesOf({ values, upstreams, endpoints, problems }: ReadFile): object {
  const plain = (found: ReadonlyMap<string, { value: unknown }>): object =>
    Object.fromEntries([...found].map(([key, { value }]) => [key, value]))
  expect(problems).toEqual([])
  const named = [...upstreams].map(([name, own]) => [name, plain(own.values)])
  return {
    ...plain(values),
    ...Object.fromEntries([...named, ...[...endpoints].map(([name, own]) => [name, plain(own)])]),
  }
}

/** A text of block mappings or lists, each inside the one before. */
function nested(depth: number, mark: string): string {
  return Array.from({ length: depth }, (_, at) => `${' '.repeat(at)}${mark}`).join('\n')
}

/** As a user sees it: place, code and message. */
const shown = (problems: readonly Problem[]): string[] =>
  problems.map(({ where, code, message }) => `${where} ${code} ${message}`)

describe('a name that objects have by themselves', () => {
  test.each([
    ['upstreams: { a: { command: x }, __proto__: { command: y } }', '1:33 config_name "__proto__" cannot be a name'],
    [
      'upstreams: { a: { command: x } }\nendpoints: { __proto__: { tools: [a__*] } }',
      '2:14 config_name "__proto__" cannot be a name',
    ],
  ])('is refused if no mapping can have it: %s', (text, expected) => {
    expect(shown(read(text).problems)).toEqual([expect.stringContaining(`mcplex.yaml:${expected}`)])
  })

  test('is a name like any other if it can', () => {
    const found = read('upstreams: { constructor: { command: x } }\nendpoints: { toString: { tools: [a] } }')
    expect(found.problems).toEqual([])
    expect([...found.upstreams.keys(), ...found.endpoints.keys()]).toEqual(['constructor', 'toString'])
  })

  test('is another one for a server of a client', () => {
    const { upstreams, problems } = read('{"mcpServers": {"__proto__": {"command": "x"}}}')
    expect(problems).toEqual([])
    expect([...upstreams.keys()]).toEqual(['server'])
  })
})

describe('a file', () => {
  test('gives values to options, at their own path and for each upstream', () => {
    const text = `
version: 1
listen: { host: localhost, port: 9000, allowHosts: [a.example, b.example], sse: no }
limits:
  maxConnections: 2000
  poolSize: 10
  idleTimeout: 5min!
  maxSessionAge: 2 hours
  queue: { max: 500, maxWait: 10s }
  memory: 512mb
log: { level: warn }
upstream: { startTimeout: 90s }
upstreams:
  github:
    command: [npx, -y, "@modelcontextprotocol/server-github"]
    env: { GITHUB_TOKEN: "\${file:/run/secrets/github}", PLAIN: 1.10 }
    mode: Tenant
    cwd: ./work
    pool: { max: 4, concurrency: 8, idle: 1h }
  files: { command: npx, args: [server, 8080, true] }
`
    expect(valuesOf(read(text))).toEqual({
      'http.host': 'localhost',
      'http.port': 9000,
      'http.allowHosts': ['a.example', 'b.example'],
      'http.sse': false,
      'limits.maxConnections': 2000,
      'upstream.pool': 10,
      'sessions.idleTimeoutMs': 300_000,
      'sessions.idleTimeoutIsFinal': true,
      'sessions.maxSessionMs': 7_200_000,
      'limits.queue': 500,
      'limits.queueWaitMs': 10_000,
      'limits.memoryBytes': 536_870_912,
      'log.level': 'warn',
      'upstream.startTimeoutMs': 90_000,
      github: {
        command: 'npx',
        args: ['-y', '@modelcontextprotocol/server-github'],
        env: { GITHUB_TOKEN: 'from-file', PLAIN: '1.10' },
        mode: 'tenant',
        cwd: '/etc/mcplex/work',
        pool: 4,
        callsPerProcess: 8,
        processIdleMs: 3_600_000,
      },
      files: { command: 'npx', args: ['server', '8080', 'true'] },
    })
  })

  test('says where each value stands', () => {
    const { values, upstreams } = read(withServer('limits:\n  idleTimeout: 5m'))
    expect(values.get('sessions.idleTimeoutMs')).toMatchObject({
      where: 'mcplex.yaml:2:16',
      quote: 'limits.idleTimeout 5m',
    })
    expect(upstreams.get('one')?.values.get('command')?.where).toBe('mcplex.yaml:4:19')
  })

  test.each([
    'maxConnections: 50\nconnectionTimeout: 600000\nidleTimeout: 300000\npoolSize: 3',
    'limits: { maxConnections: 50, connectionTimeout: 600000, idleTimeout: 300000, poolSize: 3 }',
  ])('takes the names and milliseconds that people know: %j', (text) => {
    const found = read(withServer(text))
    expect(found.warnings).toEqual([])
    expect(valuesOf(found)).toMatchObject({
      'limits.maxConnections': 50,
      'sessions.maxSessionMs': 600_000,
      'sessions.idleTimeoutMs': 300_000,
      'upstream.pool': 3,
    })
  })

  test('puts variables and files in, with defaults, and leaves $${ alone', () => {
    const text = withServer(
      'listen: { port: "${PORT_TEXT}", host: "${HOST:-localhost}", tlsCert: "a$${b", socketMode: "${EMPTY:-660}" }',
    )
    expect(valuesOf(read(text))).toMatchObject({
      'http.port': 9000,
      'http.host': 'localhost',
      'http.tlsCert': '/etc/mcplex/a${b',
      'http.socketMode': '660',
    })
  })

  test('may repeat parts by anchors, aliases and merge keys', () => {
    const text =
      'upstreams:\n  a: &base { command: node, mode: shared, pool: { max: 2 } }\n  b: { <<: *base, mode: call }\n  c: *base\n'
    expect(valuesOf(read(text))).toMatchObject({
      b: { command: 'node', mode: 'call', pool: 2 },
      c: { mode: 'shared' },
    })
  })

  test('takes an empty part for one that is left out', () => {
    expect(valuesOf(read(withServer('limits:\nlisten:\n  port:\n  host: ~')))).toEqual({
      one: { command: 'node', args: [] },
    })
  })
})

describe('an error is told with its place, what was meant, and what is accepted', () => {
  test.each([
    [
      'limits:\n  maxSessionAge: 10 minuets',
      '2:18 config_duration limits.maxSessionAge "10 minuets" is not a duration; did you mean 10m?',
    ],
    ['limits:\n  idleTimeout: 900d', '2:16 config_duration limits.idleTimeout 900d is out of range'],
    ['limits: { maxConnections: many }', '1:27 config_number limits.maxConnections many is not a whole number'],
    ['limits: { maxConnections: 1.5 }', '1:27 config_number limits.maxConnections 1.5 is not a whole number'],
    [
      'limits: { maxConnections: 2k }',
      '1:27 config_number limits.maxConnections 2k is not a whole number; did you mean 2000?',
    ],
    ['limits: { memory: 1kb }', '1:19 config_size limits.memory 1kb is out of range'],
    ['listen: { port: 99999 }', '1:17 config_number listen.port 99999 is out of range'],
    ['listen: { host: "http://x" }', '1:17 config_value listen.host http://x is not accepted here'],
    ['listen: { sse: maybe }', '1:16 config_choice listen.sse maybe is neither yes nor no'],
    ['log: { level: warning }', '1:15 config_choice log.level warning is not one of the choices; did you mean warn?'],
    ['sessions: { keepAlive: 15 }', '1:24 config_duration sessions.keepAlive 15 is out of range; did you mean 15s?'],
    ['limits: { idleTimout: 5m }', '1:11 config_unknown_key "idleTimout" is not known here; did you mean idleTimeout?'],
    ['limit: { queue: 1 }', '1:1 config_unknown_key "limit" is not known here; did you mean limits?'],
    [
      'limits: { maxWait: 5s }',
      '1:11 config_unknown_key "maxWait" is not known here; did you mean limits.queue.maxWait?',
    ],
    ['port: 80', '1:1 config_unknown_key "port" is not known here: it is a member of listen'],
    ['colour: red', '1:1 config_unknown_key "colour" is not known here'],
    [
      'upstream: { github: { command: x } }',
      '1:13 config_unknown_key "github" is not known here; did you mean upstreams.github?',
    ],
    [
      'auth: { apiKeys: true }',
      '1:9 config_unknown_key "apiKeys" is not known here: auth.methods says what is accepted: methods: [keys]',
    ],
    ['state: { redis: "x" }', '1:1 config_unknown_key "state" is not known here: state is kept in memory only'],
    ['admin: { listen: "127.0.0.1" }', '1:18 config_value admin.listen 127.0.0.1 is not accepted here'],
    ['limits: 5', '1:9 config_structure limits 5 is not a mapping'],
    ['limits: [a]', '1:9 config_structure limits is not a mapping'],
    ['limits: { queue: 5 }', '1:18 config_structure limits.queue 5 is not a mapping'],
    ['limits: { maxConnections: [5] }', '1:27 config_structure limits.maxConnections is a list'],
    ['limits: { maxConnections: { a: 5 } }', '1:27 config_structure limits.maxConnections is a mapping'],
    ['listen: { allowHosts: { a: b } }', '1:23 config_structure listen.allowHosts is a mapping'],
    ['version: 2', '1:10 config_choice version 2 is not known'],
    [
      'idleTimeout: 5m\nlimits: { idleTimeout: 6m }',
      '1:1 config_structure idleTimeout is the same option as limits.idleTimeout',
    ],
    ['listen: { port: "${NO_SUCH}" }', '1:18 config_variable ${NO_SUCH} names a variable that is not set'],
    ['listen: { port: "${EMPTY}" }', '1:18 config_variable ${EMPTY} names a variable that is not set'],
    ['listen: { port: "${PORT" }', '1:18 config_variable ${PORT is never closed'],
    ['listen: { port: "${1A}" }', '1:18 config_variable ${1A} is no reference'],
    ['listen: { host: "${file:/nowhere}" }', '1:18 config_variable ${file:/nowhere} cannot be read: ENOENT'],
    ['listen: { host: "${input:host}" }', '1:18 config_variable ${input:host} is asked for by an editor'],
  ])('%j: %s', (text, expected) => {
    const { problems } = read(withServer(text))
    expect(shown(problems)).toEqual([expect.stringContaining(`mcplex.yaml:${expected}`)])
    expect(problems[0]?.place?.frame.at(-1)).toMatch(/^ +\| +\^+/)
  })

  test.each([
    ['', '1:1 config_command upstreams has no server to serve'],
    ['version: 1', '1:1 config_command upstreams has no server to serve'],
    ['upstreams: {}', '1:1 config_command upstreams has no server to serve'],
    ['upstreams: { a: {} }', '1:14 config_command upstreams.a has no command'],
    ['upstreams: { a: { mode: shared } }', '1:14 config_command upstreams.a has no command'],
    ['upstreams: { a: { comand: x } }', '1:19 config_unknown_key "comand" is not known here; did you mean command?'],
    [
      'upstreams: { a: { command: npx -y server } }',
      '1:28 config_command upstreams.a.command "npx -y server" is a whole command line, and no shell splits it; did you mean [npx, -y, server]?',
    ],
    ['upstreams: { a: { command: [] } }', '1:28 config_structure upstreams.a.command is empty'],
    ['upstreams: { a: { command: { b: c } } }', '1:28 config_structure upstreams.a.command is not a text or a list'],
    ['upstreams: { a: { command: x, args: y } }', '1:37 config_structure upstreams.a.args y is not a list'],
    ['upstreams: { a: { command: x, args: [[y]] } }', '1:38 config_structure upstreams.a.args.0 is not a text'],
    ['upstreams: { a: { command: x, env: [A=b] } }', '1:36 config_structure upstreams.a.env is not a mapping'],
    ['upstreams: { a: { command: x, env: { A: { b: c } } } }', '1:41 config_structure upstreams.a.env.A is not a text'],
    ['upstreams: { a: { command: x, env: { 1A: b } } }', '1:38 config_variable "1A" cannot be a name here'],
    [
      'upstreams: { a: { command: x, mode: sesion } }',
      '1:37 config_choice upstreams.a.mode sesion is not one of the choices; did you mean session?',
    ],
    ['upstreams: { a: { command: x, pool: { max: 0 } } }', '1:44 config_number upstreams.a.pool.max 0 is out of range'],
    [
      'upstreams: { a: { command: x, pool: { maxx: 1 } } }',
      '1:39 config_unknown_key "maxx" is not known here; did you mean max?',
    ],
    [
      'upstreams: { a: { command: x, idle: 1m } }',
      '1:31 config_unknown_key "idle" is not known here; did you mean pool.idle?',
    ],
    [
      'upstreams: { a: { url: "https://x.example/mcp" } }',
      '1:19 config_unknown_key "url" is not known here: servers at a URL are not served yet',
    ],
    ['upstreams: { "a b": { command: x } }', '1:14 config_name "a b" cannot be a name here'],
    ['upstreams: [a]', '1:12 config_structure upstreams is not a mapping'],
    ['upstreams: { a: x }', '1:17 config_structure upstreams.a x is not a mapping'],
    ['- a', '1:1 config_structure is not a mapping'],
    ['upstreams: { ? [a] : { command: x } }', '1:16 config_structure [a] is no name'],
    ['upstreams: { a: { command: ${CMD} } }', '1:28 config_syntax *** needs quotes here'],
    ['upstreams: { a: { command: [x, ${A}, y] } }', '1:32 config_syntax ${A} needs quotes here'],
  ])('%j: %s', (text, expected) => {
    const found = shown(read(text).problems)
    expect(found).toContainEqual(expect.stringContaining(`mcplex.yaml:${expected}`))
  })

  test.each([
    ['a: [1, 2', 'config_syntax'],
    ['a: "x', 'config_syntax'],
    ['a: 1\na: 2', 'config_syntax'],
    ['a: *nowhere', 'config_syntax'],
    ['{ "a": 1,, }', 'config_syntax'],
    ['a: 1\n--- \nb: 2', 'config_syntax'],
    ['['.repeat(50_000), 'config_syntax'],
    ['- '.repeat(50_000), 'config_syntax'],
    [`[${'a: '.repeat(50_000)}]`, 'config_syntax'],
    [`{"version":1,"x":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, 'config_syntax'],
    [`// x\n${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`, 'config_syntax'],
    [`{"mcpServers":{},"history":${'['.repeat(20_000)}${']'.repeat(20_000)}}`, 'config_syntax'],
    [nested(2000, 'a:'), 'config_syntax'],
    [nested(2000, '- '), 'config_syntax'],
    [nested(2000, '? '), 'config_syntax'],
    [
      `a: &a [x, x, x, x, x, x, x, x, x]\n${'bcdefghi'
        .split('')
        .map((name, at) => `${name}: &${name} [${`*${'abcdefgh'[at] ?? ''}, `.repeat(9)}]`)
        .join('\n')}`,
      'config_syntax',
    ],
  ])('text that is no YAML: %#', (text, code) => {
    const { problems } = read(text)
    expect(problems.map((problem) => problem.code)).toContain(code)
    expect(problems[0]?.message).not.toContain('stack')
    expect(problems[0]?.place?.frame.at(-1)).toContain('^')
  })

  test('a text may be nested as deeply as values may be', () => {
    const deep = nested(60, 'a:').replaceAll(/^/gm, '        ')
    expect(read(`upstreams:\n  a:\n    command: x\n    args:\n${deep}`).problems).toEqual([])
    const many = Array.from({ length: 500 }, (_, at) => `  s${at}: # x\n    command: x\n    args:\n    - a\n    - b\n`)
    expect(read(`upstreams:\n${many.join('')}`).problems).toEqual([])
  })

  test('what a client keeps beside its servers may be nested more deeply', () => {
    const history = `${'['.repeat(500)}${']'.repeat(500)}`
    expect(read(`{"history":${history},"mcpServers":{"a":{"command":"x"}}}`).problems).toEqual([])
  })

  test('secrets are in no frame of a text that is nested too deeply', () => {
    const { problems } = read(`upstreams: { a: { env: { A: hunter2 }, args: ${'['.repeat(70)}${']'.repeat(70)} } }`)
    expect(problems).toHaveLength(1)
    expect(JSON.stringify(problems)).not.toContain('hunter2')
  })

  test.each([
    ['x: !!omap [a: 1]', '1:47', '!!omap is a tag'],
    ['x: !!set { a, b }', '1:47', '!!set is a tag'],
    ['x: !!timestamp 2001-01-01', '1:47', '!!timestamp is a tag'],
    ['x: !!binary aGVsbG8=', '1:47', '!!binary is a tag'],
    ['x: !!js/function "x"', '1:47', '!!js/function is a tag'],
    ['x: !custom y', '1:47', '*** is a tag'],
    ['x: !<tag:example.org,2026:x> y', '1:47', '*** is a tag'],
    ['x: ! y', '1:47', '*** is a tag'],
    ['!!binary aGVsbG8=: y', '1:44', '!!binary is a tag'],
    ['x: &a !!set { a }, y: *a', '1:50', '!!set is a tag'],
  ])('a tag is refused where it stands: %s', (member, place, message) => {
    const { problems } = read(`upstreams: { a: { command: x, boundArgs: { ${member} } } }`)
    expect(shown(problems)).toEqual([`mcplex.yaml:${place} config_syntax ${message} that mcplex does not know`])
    expect(problems[0]?.notes.map(([label]) => label)).toEqual(['accepted', 'try', 'or'])
    expect(problems[0]?.place?.frame.at(-1)).toContain('^')
  })

  test('tags that get another meaning are refused, too', () => {
    const { problems } = read('%TAG !! tag:example.org,2026:\n---\nupstreams: { a: { command: !!str x } }')
    expect(shown(problems)).toEqual([expect.stringContaining('mcplex.yaml:1:1 config_syntax "%TAG')])
  })

  test.each([
    ['!!int abc', '*** is not what !!int says'],
    ['!!int 0x1f', '*** is not what !!int says'],
    ['!!bool yes', '*** is not what !!bool says'],
    ['!!null x', '*** is not what !!null says'],
    ['!!map [1]', '*** is not what !!map says'],
    ['!!str [1]', '*** is not what !!str says'],
    ['!!seq x', '*** is not what !!seq says'],
    ['!!int "${TOKEN}"', '"\\"${TOKEN}\\"" is not what !!int says'],
  ])('a value that is not what its tag says is told: %s', (value, message) => {
    const { problems } = read(`upstreams: { a: { command: x, boundArgs: { x: ${value} } } }`)
    expect(shown(problems)).toEqual([expect.stringContaining(`config_syntax ${message}`)])
    expect(JSON.stringify(problems)).not.toContain('s3cret-value')
    expect(problems[0]?.notes.map(([label]) => label)).toEqual(['accepted', 'try'])
  })

  test('a text that only looks like a tag is none', () => {
    const text =
      'upstreams:\n  a:\n    command: [x, a !b, "!c", \'!d\'] # !!e\n    env:\n      A: >-\n        !f\n        g'
    expect(valuesOf(read(text))).toMatchObject({ a: { args: ['a !b', '!c', '!d'], env: { A: '!f g' } } })
  })

  test('variables of a server are texts, to the digit', () => {
    const members = '{ A: 12345678901234567890, B: 1.10, C: 1e400, D: .inf, E: 0x1ffffffffffffffff, F: 007 }'
    expect(valuesOf(read(`upstreams: { a: { command: x, env: ${members} } }`))).toMatchObject({
      a: { env: { A: '12345678901234567890', B: '1.10', C: '1e400', D: '.inf', E: '0x1ffffffffffffffff', F: '007' } },
    })
  })

  test('a file on one line may have many members', () => {
    const servers = Array.from({ length: 100 }, (_, at) => [`s${at}`, { command: ['x', '--flag'], env: { A: 'b' } }])
    expect(read(JSON.stringify({ upstreams: Object.fromEntries(servers) as unknown })).problems).toEqual([])
  })

  test('all problems are told at once', () => {
    const text =
      'limit: {}\nlisten: { port: x }\nupstreams:\n  a: { comand: y, mode: z }\n  b: { args: z }\n  c d: {}\n'
    expect(shown(read(text).problems).length).toBeGreaterThanOrEqual(6)
  })

  test('the frame shows the lines with a mark below', () => {
    const [problem] = read(withServer('limits:\n  idleTimeout: 5m\n  maxSessionAge: 10 minuets')).problems
    expect(problem?.place?.frame).toEqual([
      '   2 |   idleTimeout: 5m',
      '   3 |   maxSessionAge: 10 minuets',
      '     |                  ^^^^^^^^^^ not a duration',
    ])
  })
})

describe('secrets', () => {
  test.each([
    ['a variable of a server', 'upstreams: { a: { command: x, env: { A: hunter2 }, mode: bad } }'],
    ['one in the line before', 'upstreams:\n  a:\n    env: { A: hunter2 }\n    mode: bad'],
    ['one in a block', 'upstreams:\n  a:\n    env:\n      A: >-\n        hunter2\n    mode: bad'],
    ['a word behind a flag', 'upstreams: { a: { command: [x, --token, hunter2], mode: bad } }'],
    ['a key of a known form', 'upstreams: { a: { command: [x, ghp_hunter2hunter2hunter2], mode: bad } }'],
    ['a default of a variable', 'upstreams: { a: { command: x, env: { A: "${B:-hunter2}" }, mode: bad } }'],
    ['a secret that was put in', 'listen: { port: "${TOKEN}" }\nupstreams: { a: { command: x } }'],
    ['a wrong form', 'upstreams: { a: { command: x, env: { A: [hunter2] } } }'],
    ['one that is read as a tag', 'upstreams: { a: { command: x, env: { A: !hunter2 } } }'],
    ['one behind a tag', 'upstreams: { a: { command: x, env: { A: !x hunter2 } } }'],
    ['one that is not what its tag says', 'upstreams: { a: { command: x, env: { A: !!int hunter2 } } }'],
  ])('are in no problem: %s', (_, text) => {
    const { problems } = read(text)
    expect(problems).not.toEqual([])
    expect(JSON.stringify(problems)).not.toMatch(/hunter2|s3cret-value/)
  })

  test.each([
    ['a quote that is not closed', 'upstreams:\n  a:\n    env:\n      A: "hunter2\n    mode: bad'],
    ['a comma that is missing', '{"mcpServers": {"a": {"command": "x", "env": {"A": "hunter2" "B": "1"}}}}'],
    ['a colon that is missing', 'upstreams:\n  a:\n    env:\n      A hunter2\n      B: 1'],
    ['a space that is missing', 'upstreams:\n  a:\n    env:\n      A:hunter2\n      B: 1'],
    ['a tab', 'upstreams:\n  a:\n    env:\n\tA: hunter2\n'],
    ['a list of words', 'upstreams: { a: { command: x, args: [--token, hunter2, "y }'],
    ['a list in lines', 'upstreams:\n  a:\n    command:\n      - --token=hunter2\n     - "y\n'],
    ['a bracket that is missing', 'upstreams: { a: { command: x, env: { A: hunter2, B: s3cret-value }'],
    ['a block', 'upstreams:\n  a:\n    env:\n      A: |\n        hunter2\n   mode: bad'],
    ['what follows the mark of a block', 'upstreams:\n  a:\n    env:\n      A: |hunter2\n        x'],
    ['a key of a known form in a comment', 'upstreams: [ # ghp_hunter2hunter2hunter2\n}'],
    ['a key twice', 'upstreams:\n  a:\n    env: { A: hunter2, A: s3cret-value }'],
    ['an anchor', 'upstreams: { a: { command: *x, env: { A: &hunter2 } } }'],
    ['an alias', 'upstreams: { a: { command: x, env: { A: *hunter2 } } }'],
    ['a bound argument', 'upstreams: { a: { command: x, args: { org: hunter2 ] } } }'],
  ])('are in no problem of a text that is not valid: %s', (_, text) => {
    const { problems } = read(text)
    expect(problems.map(({ code }) => code)).toContain('config_syntax')
    expect(JSON.stringify(problems)).not.toMatch(/hunter2|s3cret-value/)
  })

  test.each([
    ['upstreams:\n  a:\n    command: npx\n    mode: "shared\n', 'mode: "shared'],
    ['{"mcpServers": {"a": {"command": "npx" "args": ["-y", "server"]}}}', '"command": "npx" "args": ["-y", "server"]'],
    ['limits:\n  idleTimeout: [5m\n', 'idleTimeout: [5m'],
  ])('what is none is shown, so that the fault can be found: %s', (text, line) => {
    expect(JSON.stringify(read(text).problems.map(({ place }) => place?.frame))).toContain(
      JSON.stringify(line).slice(1, -1),
    )
  })

  test('do not move the mark away from its word', () => {
    const [problem] = read('upstreams: { a: { command: x, env: { A: hunter2 }, mode: bad } }').problems
    const [line = '', mark = ''] = problem?.place?.frame ?? []
    expect(line.slice(mark.indexOf('^')).slice(0, 3)).toBe('bad')
    expect(problem?.place?.column).toBe(58)
  })
})

test.each([
  [
    'limits: { idleTimeout: 5 }',
    'mcplex.yaml:1:24 config_duration limits.idleTimeout 5 is 5ms: a bare number is milliseconds; did you mean 5s?',
  ],
  [
    'limits: { maxSessionAge: 3600 }',
    'mcplex.yaml:1:26 config_duration limits.maxSessionAge 3600 is 3600ms: a bare number is milliseconds; did you mean 3600s?',
  ],
])('a bare number of milliseconds that makes no sense is warned of: %s', (text, warning) => {
  expect(shown(read(withServer(text)).warnings)).toEqual([warning])
})

test.each(['limits: { queue: { maxWait: 500 } }', 'limits: { idleTimeout: 600000 }', 'limits: { idleTimeout: 5s }'])(
  'others are not: %s',
  (text) => {
    expect(read(withServer(text)).warnings).toEqual([])
  },
)

describe('the file of a client', () => {
  test.each([
    [
      'Claude Desktop',
      '{\n\t"globalShortcut": "",\n\t"mcpServers": {"fs": {"command": "npx", "args": ["-y", "s"], "env": {"A": "b"}}}\n}',
    ],
    [
      'Cursor or Claude Code',
      '{"mcpServers": {"fs": {"type": "stdio", "command": "npx", "args": ["-y", "s"], "env": {"A": "${NONE:-b}"}}}}',
    ],
    [
      'VS Code, with comments and trailing commas',
      '// servers\n{"inputs": [], /* x */ "servers": {"fs": {"type": "stdio", "command": "npx", "args": ["-y", "s",], "env": {"A": "b"}},},}',
    ],
    [
      'settings of VS Code',
      '{"editor.tabSize": 2, "mcp": {"servers": {"fs": {"command": "npx", "args": ["-y", "s"], "env": {"A": "b"}}}}}',
    ],
    [
      'Windsurf or Cline',
      '{"mcpServers": {"fs": {"command": "npx", "args": ["-y", "s"], "env": {"A": "b", "C": null}, "disabled": false, "alwaysAllow": ["x"], "timeout": 60}}}',
    ],
    [
      'Zed',
      '{"context_servers": {"fs": {"command": {"path": "npx", "args": ["-y", "s"], "env": {"A": "b"}}, "settings": {}}}}',
    ],
  ])('is taken as it is: %s', (_, text) => {
    expect(valuesOf(read(text, 'client.json'))).toEqual({
      fs: { command: 'npx', args: ['-y', 's'], env: { A: 'b' } },
    })
  })

  test('shows no secret under a misspelt key, and none of a command line', () => {
    const { problems } = read(
      'upstreams:\n  a: { command: "cat --token hunter2" }\n  b: { command: cat, evn: { FOO: hunter2 } }\n  c:\n    command: cat\n    evn:\n      FOO: hunter2\n',
    )
    expect(problems.map(({ code }) => code).toSorted()).toEqual([
      'config_command',
      'config_unknown_key',
      'config_unknown_key',
    ])
    expect(problems.map(({ message }) => message).join()).toContain('did you mean [cat, --token, ***]?')
    expect(JSON.stringify(problems)).not.toContain('hunter2')
  })

  test('has its problems where they stand, behind comments, too', () => {
    const comments = '// one\n/* two */\n'.repeat(10)
    const text = `${comments}{"mcpServers": /* x */ {"fs": {"command": "npx", "env": {"KEY": "hunter2-hunter2", "B": "\${NOT_SET}"}}}}`
    const [problem, ...others] = read(text, 'client.json').problems
    expect(others).toEqual([])
    expect(problem?.where).toBe(`client.json:21:${1 + (text.split('\n')[20] ?? '').indexOf('${NOT_SET}')}`)
    expect(problem?.message).toContain('NOT_SET')
    expect(JSON.stringify(problem)).not.toContain('hunter')
  })

  test('may stand in a file of mcplex', () => {
    expect(
      valuesOf(read('listen: { port: 1 }\nmcpServers:\n  a: { command: x }\nupstreams:\n  b: { command: y }')),
    ).toMatchObject({
      'http.port': 1,
      a: { command: 'x' },
      b: { command: 'y' },
    })
  })

  test('names servers so that they can be part of URLs', () => {
    const { upstreams, warnings } = read(
      '{"mcpServers": {"Sequential Thinking": {"command": "x"}, "@a/b": {"command": "x"}, "a-b": {"command": "x"}, "日本": {"command": "x"}}}',
    )
    expect([...upstreams.keys()]).toEqual(['Sequential-Thinking', 'a-b', 'a-b-2', 'server'])
    expect(warnings).toHaveLength(4)
  })

  test('leaves out, with a word, what it cannot serve', () => {
    const text =
      '{"mcpServers": {"r": {"url": "https://x.example/mcp"}, "w": {"serverUrl": "https://x.example"}, "mcplex": {"url": "https://x.example/mcp"}, "off": {"command": "x", "disabled": true}, "self": {"command": "node", "args": ["/a/dist/cli/main.js", "connect", "http://127.0.0.1:8080/mcp"]}, "a": {"command": "x"}}}'
    const { upstreams, warnings, problems } = read(text)
    expect(problems).toEqual([])
    expect([...upstreams.keys()]).toEqual(['a'])
    expect(shown(warnings)).toEqual([
      expect.stringContaining('"r" is not served: it runs at a URL'),
      expect.stringContaining('"w" is not served: it runs at a URL'),
      expect.stringContaining('"mcplex" is not served: it is the entry of mcplex itself'),
      expect.stringContaining('"off" is not served: it is turned off there'),
      expect.stringContaining('"self" is not served: it is a bridge to mcplex itself'),
    ])
  })

  test('is told where it is wrong', () => {
    const text =
      '{\n  "mcpServers": {\n    "a": {"command": "x", "args": "y"},\n    "b": {"comand": "x"},\n "c d": {"command": 5, "args": [{}]}}}'
    expect(shown(read(text, 'client.json').problems)).toEqual([
      expect.stringContaining('client.json:3:35 config_structure upstreams.a.args y is not a list'),
      expect.stringContaining('client.json:5:'),
      expect.stringContaining('client.json:4:5 config_command upstreams.b'),
    ])
  })
})

test('the entry of a running mcplex is known by its URL, whatever its name is', () => {
  const text = '{"mcpServers": {"all": {"url": "http://127.0.0.1:1/mcp"}, "r": {"url": "http://127.0.0.1:2/mcp"}}}'
  const found = clientServers('/home/ada/mcp.json', text, (url) => url === 'http://127.0.0.1:1/mcp')
  expect(found?.notices).toEqual([
    '"all" is not served: it is the entry of mcplex itself',
    expect.stringContaining('"r" is not served: it runs at a URL'),
  ])
})

test('an option that a kind of upstream does not have comes with those that it has, by their names in the file', () => {
  const { problems } = read('upstreams: { a: { module: ./a.mjs, limits: { memory: 512mb } } }')
  const [, accepted = ''] = problems[0]?.notes.find(([label]) => label === 'accepted') ?? []
  expect(accepted.split(', ')).toEqual(expect.arrayContaining(['module', 'concurrency', 'breaker', 'pool', 'callIdle']))
  expect(accepted).not.toMatch(/limits|command|Bytes|Ms/)
})
