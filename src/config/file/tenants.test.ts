/** The tenants of a file: what each has of its own and of `default`, and what is said of mistakes. */
import { expect, test } from 'vitest'
import type { TenantSettings } from '../../tenants/options.ts'
import { fillSettings } from '../assemble.ts'
import type { PartialSettings } from '../settings.ts'
import { ConfigError, type Problem } from '../problem.ts'
import { type LoadedFile, loadFile } from './load-file.ts'
import { resolvedValues } from './resolved.ts'
import { fileStructure } from './structure.ts'

const structure = fileStructure()

function load(tenants: string, env: Record<string, string> = {}): LoadedFile {
  const text = `upstreams: { one: { command: node }, two: { command: node } }\ntenants:\n${tenants}`
  const machine = { env: { PATH: '/bin', ...env }, memoryBytes: 4 * 1024 ** 3, heapLimitBytes: 2 * 1024 ** 3 }
  const readFile = (): { fault: string } => ({ fault: 'is not there' })
  const source = { file: 'mcplex.yaml', path: '/etc/mcplex.yaml', text, structure, env: machine.env, readFile }
  return loadFile(source, new Map(), machine)
}

function problemsOf(tenants: string): readonly Problem[] {
  try {
    load(tenants)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

test('a tenant has its own values, and those of default for the rest', () => {
  const loaded = load('  default: { upstreams: [one], prompts: ["!*"] }\n  acme: { upstreams: ["*"] }\n', {
    MCPLEX_TENANTS__ACME__TOOLS: 'two__*',
  })
  expect(loaded.settings.tenants).toMatchObject({
    default: { upstreams: ['one'], tools: [], prompts: ['!*'] },
    acme: { upstreams: ['*'], tools: ['two__*'], prompts: ['!*'], resources: [] },
  })
  const origins = Object.fromEntries(resolvedValues(loaded).map(({ path, origin }) => [path, origin]))
  expect(origins).toMatchObject({
    'tenants.acme.tools': 'MCPLEX_TENANTS__ACME__TOOLS',
    'tenants.acme.prompts': 'mcplex.yaml:3:41',
    'tenants.acme.resources': 'default',
  })
})

test('a tenant that may use nothing is a warning, and so is a pattern for what there is not', () => {
  const { warnings } = load('  idle: {}\n  acme: { upstreams: [tow], tools: [three__x], endpoints: [nope] }\n')
  const messages = warnings.map(({ message }) => message)
  expect(messages.filter((one) => one.startsWith('tenants.'))).toEqual([
    'tenants.idle may use nothing: it names neither upstreams nor tools, and nothing is allowed by default',
    'tenants.acme.upstreams: the pattern "tow" is of no upstream',
    'tenants.acme.endpoints: the pattern "nope" is of no endpoint',
    'tenants.acme.tools: the pattern "three__x" is of no upstream',
  ])
})

test('a tenant may have the limits of another one of the file, which has its own', () => {
  const { settings, warnings } = load(
    '  default: { upstreams: [one], limitsOf: group, maxCalls: 5 }\n  a: { limitsOf: group }\n  group: { maxCalls: 9 }\n',
  )
  const { a, group } = settings.tenants
  expect([settings.tenants['default']?.limitsOf, a?.limitsOf, group?.limitsOf]).toEqual(['group', 'group', ''])
  expect(warnings.filter(({ message }) => message.startsWith('tenants.'))).toEqual([])
})

test.each([
  [
    'a: { upstreams: [one], limitsOf: grup }\n  group: { upstreams: [one] }',
    'names "grup", which is no tenant of the file',
  ],
  ['a: { upstreams: [one], limitsOf: a }', 'names the tenant itself'],
  [
    'a: { upstreams: [one], limitsOf: b }\n  b: { upstreams: [one], limitsOf: c }\n  c: { upstreams: [one] }',
    'names b, which has the limits of another tenant itself',
  ],
  [
    'a: { upstreams: [one], limitsOf: group, maxCalls: 3 }\n  group: { upstreams: [one] }',
    'maxCalls has no effect: the limits of group hold',
  ],
])('limits that are shared in a wrong way are refused: %s', (tenants, message) => {
  const problems = problemsOf(`  ${tenants}\n`)
  expect(problems).toHaveLength(1)
  expect(problems[0]?.message).toContain(message)
  expect(problems[0]?.where).toMatch(/^mcplex\.yaml:3:/)
})

test('an empty list is refused, because it would read as nothing and mean everything', () => {
  const [problem] = problemsOf('  acme: { upstreams: [one], tools: [] }\n')
  expect(problem).toMatchObject({ code: 'config_value', where: 'mcplex.yaml:3:36' })
  expect(problem?.message).toContain('empty list')
})

test('names and keys that cannot be are told with their place', () => {
  const codes = problemsOf('  "a b": {}\n  acme: { tolls: [x] }\n').map(({ code, where }) => [code, where])
  expect(codes).toEqual([
    ['config_name', 'mcplex.yaml:3:3'],
    ['config_unknown_key', 'mcplex.yaml:4:11'],
  ])
})

test('rates may be mappings: of one rate in other words, of tools and of servers', () => {
  const { settings } = load(
    '  a:\n    upstreams: [one]\n    rate: { points: 100, duration: 60, burst: 5 }\n    toolRates: { "one__*": "10/min, burst 2", one__x: 1/s }\n    costs: { one__x: 5 }\n    quota: [5/day, 9/month]\n',
    { MCPLEX_TENANTS__A__UPSTREAM_RATES: 'one=5/s burst 3,two=1/s' },
  )
  expect(settings.tenants['a']).toMatchObject({
    rate: 'points=100, duration=60, burst=5',
    toolRates: ['one__*=10/min, burst 2', 'one__x=1/s'],
    upstreamRates: ['one=5/s burst 3', 'two=1/s'],
    costs: ['one__x=5'],
    quota: ['5/day', '9/month'],
  })
})

test('what is no rate is told with its place, and what is accepted', () => {
  const problems = problemsOf(
    '  a:\n    rate: 10/year\n    toolRates: { x: [1] }\n    costs: { x: many }\n    quota: 5/week\n    dryRun: perhaps\n',
  )
  expect(problems.map(({ where }) => where)).toEqual(
    [4, 5, 6, 7, 8].map((line) => expect.stringContaining(`:${line}:`)),
  )
  expect(problems[0]?.message).toContain('10/year')
  expect(JSON.stringify(problems[0]?.notes)).toContain('1000/min')
})

const own = `  default: { upstreams: ["*"], env: { two: { TOKEN: of-default } }, args: { one: { org: 1 } } }
  acme:
    env: { one: { TOKEN: "\${ACME}", PLAIN: secret-plain } }
    args: { two: { org: acme, deep: { a: [1, true] } } }
`

test('variables and arguments are by server, and what a tenant does not name is that of default', () => {
  const loaded = load(own, { ACME: 'secret-acme' })
  expect(loaded.settings.tenants['acme']).toMatchObject({
    env: { one: { TOKEN: 'secret-acme', PLAIN: 'secret-plain' }, two: { TOKEN: 'of-default' } },
    args: { one: { org: 1 }, two: { org: 'acme', deep: { a: [1, true] } } },
  })
  expect(loaded.secretValues).toContain('secret-acme')
  const shown = resolvedValues(loaded).filter(({ path }) => /^tenants\.acme\.(env|args)$/.test(path))
  expect(shown.map(({ path, value }) => [path, value])).toEqual([
    ['tenants.acme.env', 'two=*** one=***'],
    ['tenants.acme.args', 'one=*** two=***'],
  ])
})

test('no problem shows a variable of a tenant', () => {
  const problems = problemsOf('  a:\n    env: { three: { TOKEN: secret-value } }\n    args: { one: { key: 0x1F } }\n')
  expect(problems.map(({ where }) => where)).toEqual(['mcplex.yaml:5:25', 'mcplex.yaml:4:10'])
  expect(problems[1]?.message).toBe('tenants.a.env.three is of no upstream')
  expect(JSON.stringify(problems)).not.toContain('secret-value')
})

test('credentials of a tenant are refused where processes work for all, and for modules', () => {
  const upstreams = {
    all: { command: 'x', mode: 'shared' as const },
    some: { command: 'x', stateless: 'shared' as const },
    own: { command: 'x', mode: 'tenant' as const },
    mod: { module: './x.ts' },
  }
  const env = { all: { T: '1' }, some: { T: '1' }, own: { T: '1' }, mod: { T: '1' } }
  const problems = problemsOfProgram({ upstreams, tenants: { a: { env } } })
  expect(problems.map(({ message, notes }) => [message, notes[0]])).toEqual([
    [
      'tenants.a.env.all is for one tenant, and upstreams.all.mode is shared: one process works for all tenants',
      ['try', 'upstreams.all.mode: tenant'],
    ],
    [
      'tenants.a.env.some is for one tenant, and upstreams.some.stateless is shared: one process works for all tenants',
      ['try', 'upstreams.some.stateless: principal'],
    ],
    [
      'tenants.a.env.mod is for a module, which runs in mcplex itself and has no variables of its own',
      ['try', 'useCall().tenant in its tools, and a secret for each tenant that the module reads itself'],
    ],
  ])
  const wrong = { env: { own: 'secret' }, args: { own: [1] } } as unknown as Partial<TenantSettings>
  const faults = problemsOfProgram({ upstreams, tenants: { a: wrong } })
  expect(faults.map(({ where }) => where)).toEqual(['tenants.a.env', 'tenants.a.args'])
  expect(JSON.stringify(faults)).not.toContain('secret')
})

function problemsOfProgram(settings: PartialSettings): readonly Problem[] {
  try {
    fillSettings(settings, { env: { PATH: '/bin' }, memoryBytes: 4 * 1024 ** 3, heapLimitBytes: 2 * 1024 ** 3 })
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}
