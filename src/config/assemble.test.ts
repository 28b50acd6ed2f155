import { describe, expect, test } from 'vitest'
import { checkOption } from './read-option.ts'
import { fillSettings } from './assemble.ts'
import { configurationDocument } from './document.ts'
import { ConfigError, type Problem } from './problem.ts'
import { schema } from './schema.ts'
import type { PartialSettings, Settings } from './settings.ts'

const machine = { env: { PATH: '/bin', SECRET: 'x' }, memoryBytes: 4 * 1024 ** 3, heapLimitBytes: 2 * 1024 ** 3 }
const fill = (partial: PartialSettings): Settings => fillSettings(partial, machine)

/** What a program without types may hand in. */
function problemsOf(partial: object): readonly Problem[] {
  try {
    fillSettings(partial, machine)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

/** A proxy that is trusted by its address, and more. */
const trusting = (more: object): object => ({ methods: ['proxy'], proxyFrom: ['10.0.0.7'], ...more })

describe('settings of a program', () => {
  test('quote no secret of a proxy that is not accepted', () => {
    const problems = problemsOf({ upstream: { command: 'x' }, auth: trusting({ proxySecret: 'too short' }) })
    expect(problems).toMatchObject([{ where: 'auth.proxySecret', message: expect.stringContaining('***') }])
    expect(JSON.stringify(problems)).not.toContain('too short')
  })

  test('need nothing but a command', () => {
    expect(fill({ upstream: { command: 'node' } })).toMatchObject({
      upstreams: { server: { kind: 'stdio', command: 'node', args: [], env: { PATH: '/bin' }, pool: 48 } },
      endpoints: {},
      aliases: {},
      limits: { maxConnections: 1000, memoryBytes: 512 * 1024 ** 2 },
      http: { host: '127.0.0.1', port: 8080 },
    })
  })

  test('keep the given values, and add variables to the few that every process needs', () => {
    const settings = fill({
      upstream: { command: 'node', env: { A: '1' }, pool: 2, mode: 'shared' },
      sessions: { idleTimeoutMs: 5000 },
    })
    expect(settings.upstreams['server']).toMatchObject({
      env: { PATH: '/bin', A: '1' },
      pool: 2,
      mode: 'shared',
      processIdleMs: 5000,
    })
  })

  test('name several upstreams, each with its own values and the defaults for the rest', () => {
    const { upstreams, endpoints } = fill({
      upstreams: {
        github: { command: 'gh', env: { TOKEN: 't' }, pool: 2 },
        __proto__x: { command: 'node', args: ['a'] },
      },
      endpoints: { support: { tools: ['github__*', '!github__delete_*'] }, all: {} },
      sessions: { idleTimeoutMs: 5000 },
    })
    expect(Object.keys(upstreams)).toEqual(['github', '__proto__x'])
    expect(upstreams['github']).toMatchObject({
      command: 'gh',
      args: [],
      env: { PATH: '/bin', TOKEN: 't' },
      pool: 2,
      processIdleMs: 5000,
    })
    expect(upstreams['__proto__x']).toMatchObject({
      args: ['a'],
      env: { PATH: '/bin' },
      pool: 24,
      spares: 1,
      processIdleMs: 5000,
    })
    expect(endpoints).toEqual({ support: { tools: ['github__*', '!github__delete_*'] }, all: { tools: [] } })
  })

  test('have no upstream and no endpoint of a name that no mapping can have', () => {
    const proto = (value: unknown): Record<string, unknown> => Object.fromEntries([['__proto__', value]])
    expect(problemsOf({ upstreams: proto({ command: 'x' }) })).toMatchObject([{ code: 'config_name' }])
    const upstreams = { a: { command: 'x' } }
    expect(problemsOf({ upstreams, endpoints: proto({}) })).toMatchObject([{ code: 'config_name' }])
    expect(problemsOf({ upstreams, aliases: proto('a__y') })).toMatchObject([{ code: 'config_name' }])
  })

  test('never quote a variable that is meant for a server', () => {
    const problems = problemsOf({ upstreams: { a: { command: 'x', env: { TOKEN: 's3cret', B: 1 } } } })
    expect(problems).toHaveLength(1)
    expect(JSON.stringify(problems)).not.toContain('s3cret')
  })

  test('are frozen at every level, and do not freeze the objects of the caller', () => {
    const args = ['a']
    const settings = fill({ upstream: { command: 'node', args } })
    expect(Object.isFrozen(settings) && Object.isFrozen(settings.limits)).toBe(true)
    const { server } = settings.upstreams
    if (server?.kind !== 'stdio') throw new Error('no stdio upstream')
    expect(Object.isFrozen(server.args) && Object.isFrozen(server.env)).toBe(true)
    args.push('b')
    expect(server.args).toEqual(['a'])
  })

  test('take the well-known names for limits, in milliseconds', () => {
    const upstream = { command: 'node' }
    const { limits, sessions } = fill({
      upstream,
      maxConnections: 50,
      connectionTimeout: 600_000,
      idleTimeout: 300_000,
    })
    expect({ ...limits, ...sessions }).toMatchObject({
      maxConnections: 50,
      maxSessionMs: 600_000,
      idleTimeoutMs: 300_000,
    })
    expect(() => fill({ upstream, idleTimeout: -1 })).toThrow(/idleTimeout -1/)
  })

  test('take a module by its path or as a function, with defaults of its own', () => {
    const factory = (): object => ({})
    const { upstreams } = fill({ upstreams: { file: { module: './tools.ts' }, given: { module: factory, pool: 5 } } })
    const common = { kind: 'module', isolate: false, cacheScope: 'private', spares: 0 }
    expect(upstreams['file']).toMatchObject({ ...common, module: './tools.ts', pool: 10_000 })
    expect(upstreams['given']).toMatchObject({ ...common, module: factory, pool: 5 })
    expect(JSON.stringify(problemsOf({ upstreams: { bad: { module: 5 } } }))).toContain('neither a text nor a function')
    expect(() => fill({ upstreams: { bad: { module: factory, isolate: true } } })).toThrow(/needs the path of a module/)
    expect(() => fill({ upstreams: { bad: { module: ' ' } } })).toThrow(/there is no module/)
  })

  test('take arguments of tools that JSON can hold, and quote none', () => {
    const boundArgs = { org_id: 'acme', n: [1, { a: null }] }
    const { server } = fill({ upstream: { command: 'node', boundArgs } }).upstreams
    expect(server?.boundArgs).toEqual(boundArgs)
    expect(Object.isFrozen(server?.boundArgs?.['n'])).toBe(true)
    expect(fill({ upstream: { command: 'node' } }).upstreams['server']?.boundArgs).toBeUndefined()
    const cycle: Record<string, unknown> = { secret: 's3cret' }
    cycle['self'] = cycle
    const odd = [undefined, () => 0, Number.NaN, 1n, new Date(0), JSON.parse('{"__proto__":1}'), cycle].map((x) => ({
      x,
    }))
    for (const bad of [['a'], 'a', null, ...odd]) {
      const problems = problemsOf({ upstream: { command: 'x', boundArgs: bad } })
      expect(problems).toMatchObject([{ code: 'config_value', where: 'upstream.boundArgs' }])
      expect(JSON.stringify(problems)).not.toContain('s3cret')
    }
  })

  test.each([
    [{}, 'config_command', 'upstream.command'],
    [{ upstream: { command: ' ' } }, 'config_command', 'upstream.command'],
    [{ upstream: { command: 7 } }, 'config_command', 'upstream.command'],
    [{ upstream: { command: 'x', args: 'y' } }, 'config_value', 'upstream.args'],
    [{ upstream: { command: 'x', env: { A: 1 } } }, 'config_variable', 'upstream.env'],
    [{ upstream: { command: 'x', pool: 1.5 } }, 'config_number', 'upstream.pool'],
    [{ upstream: { command: 'x' }, http: { port: '80' } }, 'config_number', 'http.port'],
    [{ upstream: { command: 'x' }, http: { host: '0.0.0.0' } }, 'config_exposed', 'http.host'],
    [{ upstream: { command: 'x' }, auth: { methods: ['oauth'] } }, 'config_value', 'auth.methods'],
    [{ upstream: { command: 'x' }, auth: { issuers: ['https://a.example'] } }, 'config_value', 'auth.issuers'],
    [
      {
        upstream: { command: 'x' },
        auth: {
          methods: ['oauth'],
          publicUrl: 'https://mcp.example.com',
          issuers: ['https://a.example tenant=a', 'https://b.example', 'https://a.example tenant=b'],
        },
      },
      'config_value',
      'auth.issuers',
    ],
    [
      {
        upstream: { command: 'x' },
        auth: {
          methods: ['oauth'],
          publicUrl: 'https://mcp.example.com',
          issuers: ['a', 'b'].map(
            (name) =>
              `https://${name}.example introspection=https://${name}.example/ask clientId=m clientSecret=secret`,
          ),
        },
      },
      'config_value',
      'auth.issuers',
    ],
    [{ upstream: { command: 'x' }, auth: { methods: ['none', 'keys'] } }, 'config_value', 'auth.methods'],
    [{ upstream: { command: 'x' }, auth: { methods: ['proxy'] } }, 'config_value', 'auth.methods'],
    [{ upstream: { command: 'x' }, auth: { proxyFrom: ['loopback'] } }, 'config_value', 'auth.proxyFrom'],
    [{ upstream: { command: 'x' }, auth: trusting({ proxyFrom: ['0.0.0.0/0'] }) }, 'config_value', 'auth.proxyFrom'],
    [{ upstream: { command: 'x' }, auth: trusting({ proxyFrom: ['unix'] }) }, 'config_value', 'auth.proxyFrom'],
    [{ upstream: { command: 'x' }, auth: trusting({ proxyFrom: ['proxy'] }) }, 'config_value', 'auth.proxyFrom'],
    [{ upstream: { command: 'x' }, auth: trusting({ proxySecret: 's3cret' }) }, 'config_value', 'auth.proxySecret'],
    [
      { upstream: { command: 'x' }, auth: trusting({ proxyUserHeader: 'Cookie' }) },
      'config_value',
      'auth.proxyUserHeader',
    ],
    [
      { upstream: { command: 'x' }, auth: trusting({ proxyUserHeader: 'from' }) },
      'config_value',
      'auth.proxyUserHeader',
    ],
    [
      { upstream: { command: 'x' }, auth: trusting({ proxyTenantHeader: 'x-forwarded-user' }) },
      'config_value',
      'auth.proxyTenantHeader',
    ],
    [{ upstream: { command: 'x' }, http: { hots: 'x' } }, 'config_unknown_key', 'http.hots'],
    [{ upstream: { command: 'x' }, limit: {} }, 'config_unknown_key', 'limit'],
    [{ upstream: { command: 'x' }, http: 7 }, 'config_value', 'http'],
    [{ upstreams: {} }, 'config_command', 'upstreams'],
    [{ upstreams: [] }, 'config_value', 'upstreams'],
    [{ upstreams: { a: null } }, 'config_value', 'upstreams.a'],
    [{ upstreams: { a: { mode: 'shared' } } }, 'config_command', 'upstreams.a.command'],
    [{ upstreams: { a: { command: 'x', pol: 1 } } }, 'config_unknown_key', 'upstreams.a.pol'],
    [{ upstreams: { a: { command: 'x', pool: 0 } } }, 'config_number', 'upstreams.a.pool'],
    [{ upstreams: { 'a/b': { command: 'x' } } }, 'config_name', 'upstreams.a/b'],
    [{ upstreams: { ['a'.repeat(65)]: { command: 'x' } } }, 'config_name', `upstreams.${'a'.repeat(65)}`],
    [{ upstream: { command: 'x' }, upstreams: { a: { command: 'x' } } }, 'config_unknown_key', 'upstream'],
    [{ upstreams: { a: { command: 'x' }, a__b: { command: 'x' } } }, 'config_name', 'upstreams'],
    [{ upstreams: { a: { command: 'x' } }, aliases: { s: 'b__x' } }, 'config_name', 'aliases.s'],
    [{ upstreams: { a: { command: 'x' } }, aliases: { s: 7 } }, 'config_value', 'aliases.s'],
    [{ upstreams: { a: { command: 'x' } }, endpoints: { a: {} } }, 'config_name', 'endpoints.a'],
    [{ upstreams: { a: { command: 'x' } }, endpoints: { '': {} } }, 'config_name', 'endpoints.'],
    [{ upstreams: { a: { command: 'x' } }, endpoints: { b: { tools: ['a b'] } } }, 'config_value', 'endpoints.b.tools'],
    [
      { upstreams: { a: { command: 'x' } }, endpoints: { v: { tools: ['b__*'] } } },
      'config_value',
      'endpoints.v.tools',
    ],
    [
      { upstreams: { a: { command: 'x' } }, endpoints: { v: { tools: ['!a__*'] } } },
      'config_value',
      'endpoints.v.tools',
    ],
    [
      { upstreams: { a: { command: 'x' }, b: { command: 'x' } }, endpoints: { v: { tools: ['c__*'] } } },
      'config_value',
      'endpoints.v.tools',
    ],
    [{ upstreams: { a: { command: 'x' } }, endpoints: { b: { tool: [] } } }, 'config_unknown_key', 'endpoints.b.tool'],
    [{ upstream: { command: 'x' }, log: { level: 'info' } }, 'config_unknown_key', 'log'],
  ])('%j are refused', (partial, code, where) => {
    expect(problemsOf(partial)).toContainEqual(expect.objectContaining({ code, where }))
  })
})

describe('the table of options', () => {
  test('gives each option a description, a reason and a default that the option accepts', () => {
    for (const { option } of schema) {
      expect(option.about).toMatch(/\.$/)
      expect(option.why).toMatch(/[.]$/)
      const fault = typeof option.default === 'object' ? undefined : checkOption(option, option.default)
      expect(fault).toBeUndefined()
    }
  })

  test('is printed completely into the document', () => {
    const text = configurationDocument()
    for (const row of schema) {
      expect(text).toContain(`### \`${row.module}.${row.key}\``)
      expect(text).toContain(`| \`${row.path}\` |`)
      expect(text).toContain(row.option.why)
    }
  })

  test('is printed with the options that only a named upstream or endpoint has', () => {
    const text = configurationDocument()
    const paths = [
      'upstreams.NAME.module',
      'upstreams.NAME.isolate',
      'upstreams.NAME.cacheScope',
      'endpoints.NAME.tools',
    ]
    for (const path of [...paths, 'aliases']) expect(text).toContain(`### \`${path}\``)
    expect(text).toContain('| `upstreams.NAME.isolate` | `MCPLEX_UPSTREAMS__NAME__ISOLATE` | false |')
  })
})
