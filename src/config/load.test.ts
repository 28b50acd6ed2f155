import { describe, expect, test } from 'vitest'
import { autoMemory } from '../admission/options.ts'
import { load, loadBridge, type Loaded } from './load.ts'
import { ConfigError, type Problem } from './problem.ts'
import { schema } from './schema.ts'

const gibibyte = 1024 ** 3
const path = { PATH: '/bin' }

function loadWith(
  flags: Record<string, readonly string[]>,
  env: Record<string, string> = {},
  memoryBytes = 4 * gibibyte,
): Loaded {
  const machine = { env, memoryBytes, heapLimitBytes: 4 * gibibyte }
  return load({ flags: new Map(Object.entries(flags)), command: ['node', 'server.js'] }, machine)
}

function problemsWith(flags: Record<string, readonly string[]>, env: Record<string, string> = {}): readonly Problem[] {
  try {
    loadWith(flags, env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

describe('precedence', () => {
  test('an option that is not provided has its documented default', () => {
    const { settings, log, clients, admin } = loadWith({}, path)
    const all: Record<string, object> = {
      ...settings,
      upstream: settings.upstreams['server'] ?? {},
      log,
      clients,
      admin,
    }
    for (const { module, key, option } of schema) {
      if (typeof option.default === 'object' && 'derived' in option.default) continue
      expect(all[module]).toHaveProperty(key, option.default)
    }
    expect(settings.upstreams['server']).toMatchObject({
      command: 'node',
      args: ['server.js'],
      env: path,
      mode: undefined,
      pool: 48,
    })
    expect(settings.upstreams['server']?.processIdleMs).toBe(settings.sessions.idleTimeoutMs)
  })

  test('a flag wins over the environment, and the environment over the default', () => {
    expect(loadWith({}, { PORT: '9000' }).settings.http.port).toBe(9000)
    expect(loadWith({ port: ['9001'] }, { PORT: '9000' }).settings.http.port).toBe(9001)
  })

  test('a wrong variable does not matter when a flag replaces it', () => {
    expect(problemsWith({ port: ['1'] }, { PORT: 'x' })).toEqual([])
  })

  test("of two variables of one option, mcplex's own wins", () => {
    const env = { MCP_IDLE_TIMEOUT: '1m', MCPLEX_LIMITS__IDLE_TIMEOUT: '2m' }
    expect(loadWith({}, env).settings.sessions.idleTimeoutMs).toBe(120_000)
  })

  test('an empty variable counts as not set', () => {
    expect(loadWith({}, { PORT: '', LOG_LEVEL: '' }).settings.http.port).toBe(8080)
  })

  test('each option that text can express has its own variable', () => {
    const names = schema.flatMap((row) => row.ownEnv ?? [])
    expect(new Set(names).size).toBe(names.length)
    expect(names.length).toBe(schema.filter((row) => row.option.kind !== 'given').length)
  })

  test.each([
    ['MCP_MAX_CONNECTIONS', '7', 'limits', 'maxConnections', 7],
    ['MCP_CONNECTION_POOL_SIZE', '8', 'upstream', 'pool', 8],
    ['MCP_IDLE_TIMEOUT', '600000', 'sessions', 'idleTimeoutMs', 600_000],
    ['MCP_CONNECTION_TIMEOUT', '10m', 'sessions', 'maxSessionMs', 600_000],
    ['HOST', 'localhost', 'http', 'host', 'localhost'],
    ['LOG_LEVEL', 'WARN', 'log', 'level', 'warn'],
    ['MCPLEX_LIMITS__MAX_BODY', '1mb', 'http', 'maxBodyBytes', 1_048_576],
    ['MCPLEX_LISTEN__ALLOW_HOSTS', 'a.example, b.example', 'http', 'allowHosts', ['a.example', 'b.example']],
    ['MCPLEX_LISTEN__INSECURE', 'yes', 'http', 'insecure', true],
    ['MCPLEX_LIMITS__CALLS_PER_SESSION', '3', 'limits', 'callsPerSession', 3],
  ])('%s=%s sets %s.%s', (name, text, module, key, value) => {
    const { settings, log } = loadWith({}, { [name]: text })
    expect({ ...settings, upstream: settings.upstreams['server'], log }).toHaveProperty([module, key], value)
  })
})

describe('the pool', () => {
  test.each([
    [64 * gibibyte, 256],
    [gibibyte, 12],
    [gibibyte / 8, 4],
  ])('is chosen from %i bytes of memory as %i processes', (memoryBytes, pool) => {
    expect(loadWith({ pool: ['auto'] }, {}, memoryBytes).settings.upstreams['server']?.pool).toBe(pool)
  })

  test('the flag auto wins over a number in the environment', () => {
    expect(
      loadWith({ pool: ['auto'] }, { MCP_CONNECTION_POOL_SIZE: '3' }, gibibyte).settings.upstreams['server']?.pool,
    ).toBe(12)
  })
})

describe('the idle timeout', () => {
  test('with an exclamation mark is final, even if the client answers pings', () => {
    const idle = (flags: Record<string, string[]>, env = {}): unknown => {
      const { idleTimeoutMs, idleTimeoutIsFinal } = loadWith(flags, { ...path, ...env }).settings.sessions
      return [idleTimeoutMs, idleTimeoutIsFinal]
    }
    expect(idle({ 'idle-timeout': ['30m'] })).toEqual([1_800_000, false])
    expect(idle({ 'idle-timeout': ['30m!'] })).toEqual([1_800_000, true])
    expect(idle({}, { MCP_IDLE_TIMEOUT: '600000!' })).toEqual([600_000, true])
    expect(problemsWith({ 'idle-timeout': ['soon!'] }, path)).toMatchObject([{ code: 'config_duration' }])
    expect(problemsWith({ port: ['8080!'] }, path)).toMatchObject([{ code: 'config_number' }])
  })
})

describe('the memory budget', () => {
  test.each([
    ['the machine', 2 * gibibyte, 4 * gibibyte, gibibyte / 2],
    ['the heap', 64 * gibibyte, 4 * gibibyte + 12_345, gibibyte],
    ['a tiny machine', 1024, 4 * gibibyte, 4 * 1024 ** 2],
  ])('is a quarter of what there is, here of %s', (_, memoryBytes, heapLimitBytes, budget) => {
    expect(autoMemory(memoryBytes, heapLimitBytes)).toBe(budget)
    expect(loadWith({ memory: ['auto'] }, path, memoryBytes).settings.limits.memoryBytes).toBe(budget)
  })

  test('can be set by a flag or in the environment', () => {
    expect(loadWith({ memory: ['64mb'] }, path).settings.limits.memoryBytes).toBe(64 * 1024 ** 2)
    expect(loadWith({}, { ...path, MCPLEX_LIMITS__MEMORY: '1gb' }).settings.limits.memoryBytes).toBe(gibibyte)
    expect(problemsWith({ memory: ['1mb'] }, path)).toMatchObject([{ code: 'config_size' }])
  })
})

describe('a verb that serves no requests', () => {
  const machine = { env: {}, memoryBytes: 4 * gibibyte, heapLimitBytes: 2 * gibibyte }
  const memory = (...said: string[]): number => loadBridge(new Map([['memory', said]]), machine).memoryBytes

  test('has a memory budget with the same default and the same limits', () => {
    expect(loadBridge(new Map(), machine).memoryBytes).toBe(gibibyte / 2)
    expect(memory('auto')).toBe(gibibyte / 2)
    expect(memory('64mb')).toBe(64 * 1024 ** 2)
    expect(() => memory('1kb')).toThrow(ConfigError)
  })
})

describe('a bad value is reported with its place, the value and what is accepted', () => {
  test.each([
    [{ 'idle-timeout': ['10 minuets'] }, 'config_duration', '--idle-timeout 10 minuets is not a duration'],
    [{ 'max-connections': ['0'] }, 'config_number', '--max-connections 0 is out of range'],
    [{ port: ['70000'] }, 'config_number', '--port 70000 is out of range'],
    [{ mode: ['shard'] }, 'config_choice', '--mode shard is not one of the choices'],
    [{ host: ['http://x'] }, 'config_value', '--host http://x is not accepted here'],
    [{ 'allow-origin': ['https://a.example/'] }, 'config_value', '--allow-origin https://a.example/ is not accepted'],
    [{ env: ['1A=secret'] }, 'config_variable', '--env 1A does not begin with the name'],
    [{ env: ['MISSING'] }, 'config_variable', '--env MISSING passes on a variable that is not set'],
  ])('%j', (flags, code, message) => {
    const [problem, ...rest] = problemsWith(flags)
    expect(problem).toMatchObject({ code, message: expect.stringContaining(message) })
    expect(rest).toEqual([])
    expect(problem?.notes.length).toBeGreaterThan(0)
  })

  test('a bad variable is named as a variable', () => {
    const [problem] = problemsWith({}, { MCP_CONNECTION_POOL_SIZE: 'many' })
    expect(problem?.message).toBe('MCP_CONNECTION_POOL_SIZE=many is not a whole number')
    expect(problem?.notes).toEqual([['accepted', 'a whole number, 1 to 10000, or auto']])
  })

  test('all problems are reported at once', () => {
    expect(problemsWith({ port: ['x'], queue: ['-1'] }, { MCP_IDLE_TIMEOUT: 'soon' })).toHaveLength(3)
  })

  test.each([
    ['MCPLEX_LIMITS__QUEUE__MAX_WIAT', 'MCPLEX_LIMITS__QUEUE__MAX_WAIT'],
    ['MCPLEX_PORT', 'MCPLEX_LISTEN__PORT'],
    ['MCPLEX_LOG_LEVEL', 'MCPLEX_LOG__LEVEL'],
    ['MCPLEX_API_KEYS', 'MCPLEX_API_KEY'],
  ])('%s is reported, with the name that was probably meant', (name, meant) => {
    expect(problemsWith({}, { [name]: '5' })).toMatchObject([
      { code: 'config_unknown_key', message: `${name} is not known here; did you mean ${meant}?` },
    ])
  })

  test('an unknown MCPLEX_ variable without a similar name is reported too', () => {
    expect(problemsWith({}, { MCPLEX_FOO: '1' })).toMatchObject([{ message: 'MCPLEX_FOO is not known here' }])
  })

  test('MCPLEX_ variables set by Kubernetes, by mcplex itself or for the server are no problem', () => {
    const links = {
      MCPLEX_SERVICE_HOST: '10.0.0.1',
      MCPLEX_SERVICE_PORT: '80',
      MCPLEX_SERVICE_PORT_HTTP: '80',
      MCPLEX_PORT: 'tcp://10.0.0.1:80',
      MCPLEX_PORT_80_TCP: 'tcp://10.0.0.1:80',
      MCPLEX_PORT_80_TCP_ADDR: '10.0.0.1',
      MCPLEX_REDIS_SERVICE_HOST: '10.0.0.2',
    }
    const own = { MCPLEX_API_KEY: 'x', MCPLEX_WORKER: 'a.1', MCPLEX_FOO: '', MCPLEX_FOR_THE_SERVER: 'x' }
    expect(problemsWith({ env: ['MCPLEX_FOR_THE_SERVER'] }, { ...links, ...own, MCP_FOO: 'x' })).toEqual([])
  })
})

function serverEnvOf({ settings }: Loaded): unknown {
  const { server } = settings.upstreams
  return server?.kind === 'stdio' ? server.env : undefined
}

describe('the environment of the server', () => {
  test('contains no secret of this process unless it was named', () => {
    const env = { PATH: '/bin', GITHUB_TOKEN: 'ours', AWS_SECRET_ACCESS_KEY: 'ours' }
    expect(serverEnvOf(loadWith({}, env))).toEqual({ PATH: '/bin' })
    expect(serverEnvOf(loadWith({ env: ['GITHUB_TOKEN', 'A=b=c', 'EMPTY='] }, env))).toEqual({
      PATH: '/bin',
      GITHUB_TOKEN: 'ours',
      A: 'b=c',
      EMPTY: '',
    })
  })

  test('no problem quotes the value of a variable', () => {
    expect(JSON.stringify(problemsWith({ env: ['1A=secret-value'] }))).not.toContain('secret-value')
  })
})

describe('an address other than loopback', () => {
  test.each(['0.0.0.0', '::', '192.168.1.5', 'example.com'])('%s is refused, with the two ways out', (host) => {
    const [problem] = problemsWith({ host: [host] })
    expect(problem).toMatchObject({ code: 'config_exposed', where: '--host' })
    expect(problem?.notes.map(([label]) => label)).toEqual(['why', 'try', 'or'])
  })

  test('is refused in the environment too, naming the variable', () => {
    expect(problemsWith({}, { HOST: '0.0.0.0' })[0]?.message).toContain('HOST=0.0.0.0')
  })

  test('does not matter if mcplex listens on a Unix socket', () => {
    expect(problemsWith({ host: ['0.0.0.0'], socket: ['/run/mcp.sock'] })).toEqual([])
  })

  test('is accepted with --insecure', () => {
    expect(loadWith({ host: ['0.0.0.0'], insecure: ['true'] }).settings.http.host).toBe('0.0.0.0')
  })

  test.each(['127.0.0.1', '127.8.9.1', 'localhost', '::1', '[::1]', '0:0:0:0:0:0:0:1'])('does not mean %s', (host) => {
    expect(problemsWith({ host: [host] })).toEqual([])
  })
})

describe('TLS', () => {
  test.each([
    [{ 'tls-cert': ['cert.pem'] }, '--tls-cert', '--tls-key'],
    [{ 'tls-key': ['key.pem'] }, '--tls-key', '--tls-cert'],
  ])('with %j alone is refused, and what is missing is named', (flags, where, missing) => {
    const [problem, ...others] = problemsWith(flags)
    expect(others).toEqual([])
    expect(problem).toMatchObject({ code: 'config_tls', where })
    expect(problem?.message).toContain(`does nothing without ${missing}`)
  })

  test('needs both files, whether by flag or in the environment', () => {
    const { http } = loadWith({ 'tls-cert': ['cert.pem'] }, { MCPLEX_LISTEN__TLS_KEY: 'key.pem' }).settings
    expect(http).toMatchObject({ tlsCert: 'cert.pem', tlsKey: 'key.pem' })
  })
})
