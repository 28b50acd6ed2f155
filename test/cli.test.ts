/** The command as users meet it: what it says, what it refuses, and how it ends. */
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { runs, until } from './children/processes.ts'
import { ask, requestBytes } from './support/raw-http.ts'
import { fixture, runCommand, type Running } from './support/typed-command.ts'

const started: Running[] = []

/** Runs `serve` in front of the echo server, on a free port, with the ready line on stdout. */
function serve(
  options: readonly string[] = [],
  env: Record<string, string> = {},
  server = fixture('echo-legacy.mjs'),
): Running {
  return keep(runCommand(['serve', '--json', '--port', '0', ...options, '--', ...server], env))
}

/** Runs it with what a user typed. */
function mcplex(args: readonly string[], env: Record<string, string> = {}): Running {
  return keep(runCommand(args, env))
}

function keep(running: Running): Running {
  started.push(running)
  return running
}

afterEach(async () => {
  for (const running of started.splice(0)) {
    if (running.child.exitCode === null && running.child.signalCode === null) running.child.kill('SIGKILL')
    await running.exit()
  }
})

/** The failure that ended it, as the last line of its log. */
function fatal(running: Running): Record<string, unknown> | undefined {
  return running.log().findLast(({ level }) => level === 'fatal')
}

interface Client {
  readonly session: string
  call(name: string, args?: object): Promise<Response>
}

/** A session over plain HTTP. */
async function connect(running: Running): Promise<Client> {
  const { endpoint } = await running.ready()
  const post = (body: object, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(String(endpoint), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream', ...headers },
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
    })
  const clientInfo = { name: 'test', version: '1' }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  const hello = await post({ id: 0, method: 'initialize', params })
  const session = hello.headers.get('mcp-session-id') ?? ''
  await hello.text()
  const headers = { 'Mcp-Session-Id': session, 'MCP-Protocol-Version': '2025-11-25' }
  await (await post({ method: 'notifications/initialized' }, headers)).text()
  return {
    session,
    call: (name, args = {}) => post({ id: 1, method: 'tools/call', params: { name, arguments: args } }, headers),
  }
}

/** Every process below `pid` that runs now. */
function below(pid: number): number[] {
  const parents = readdirSync('/proc')
    .map(Number)
    .filter((found) => found > 0)
    .map((found): [number, number] => [found, parentOf(found)])
  const children = parents.filter(([, parent]) => parent === pid).map(([found]) => found)
  return children.flatMap((child) => [child, ...below(child)]).filter(runs)
}

function parentOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  } catch {
    return 0
  }
}

/** Waits until the gateway counts a call in flight. */
async function callInFlight(running: Running): Promise<void> {
  const { health } = await running.ready()
  const deadline = Date.now() + 10_000
  while (!/"calls": [1-9]/.test(await (await fetch(String(health))).text())) {
    if (Date.now() > deadline) throw new Error('no call is in flight')
  }
}

describe('serve', () => {
  test('says on stdout, in one JSON line and nothing else, where it serves; calls work there and it is healthy', async () => {
    const running = serve()
    const ready = await running.ready()
    expect(ready).toMatchObject({ event: 'ready', pid: running.pid, server: { eras: ['legacy'] } })
    const client = await connect(running)
    expect(await (await client.call('echo', { text: 'a-nonce' })).text()).toContain('a-nonce')
    expect((await fetch(String(ready['readyz']))).status).toBe(200)
    expect(await (await fetch(String(ready['health']))).json()).toMatchObject({
      status: 'ok',
      version: ready['version'],
    })
    running.child.kill('SIGTERM')
    expect(await running.exit()).toBe(0)
    expect(running.stdout().trimEnd().split('\n')).toHaveLength(1)
  })

  test('takes the environment of a client configuration, and flags over it', async () => {
    const env = {
      MCP_MAX_CONNECTIONS: '7',
      MCP_CONNECTION_POOL_SIZE: '3',
      MCP_IDLE_TIMEOUT: '600000',
      MCP_CONNECTION_TIMEOUT: '2h',
    }
    const limits = { maxConnections: 7, pool: 3, idleTimeoutMs: 600_000, maxSessionMs: 7_200_000 }
    expect((await serve([], env).ready())['limits']).toMatchObject(limits)
    expect((await serve(['--pool', '5'], env).ready())['limits']).toMatchObject({ ...limits, pool: 5 })
  })

  test('hands the server no variable of ours but those that were named', async () => {
    const client = await connect(serve(['--env', 'NAMED', '--env', 'A=1'], { NAMED: 'x', SECRET: 'y' }))
    const seen = await (await client.call('env')).text()
    expect(seen).toContain('NAMED')
    expect(seen).toContain('PATH')
    expect(seen).not.toContain('SECRET')
  })

  test('logs a session and its call, without the id of the session, as JSON', async () => {
    const running = serve()
    const client = await connect(running)
    await (await client.call('echo', { text: 'not-in-the-log' })).text()
    running.child.kill('SIGTERM')
    expect(await running.exit()).toBe(0)
    const messages = running.log().map((line) => line['msg'])
    expect(messages).toEqual(expect.arrayContaining(['session begins', 'call', 'session ends', 'stopped']))
    expect(running.stderr()).not.toContain(client.session)
    expect(running.stderr()).not.toContain('not-in-the-log')
  })

  test('logs what is refused on sight, once and with the host or origin, so that a proxy can be set right', async () => {
    const running = serve([], { MCPLEX_LIMITS__MAX_BODY: '1024' })
    const { port } = await running.ready()
    const path = `http://127.0.0.1:${String(port)}/mcp`
    const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
    const secret = 'a-secret-session'
    const bytes = (host: string): string =>
      requestBytes('POST /mcp', { ...json, Host: host, 'Mcp-Session-Id': secret }, '"a-body"')
    for (const [request, status] of [
      [bytes('mcp.internal.example'), 403],
      [bytes('user:hunter2@not a host'), 400],
      [requestBytes('POST /mcp', { 'X-Long': 'x'.repeat(20_000) }), 431],
    ] as const) {
      expect((await ask(Number(port), request)).status).toBe(status)
    }
    const origin = `https://${'x'.repeat(200)}.example`
    expect((await fetch(path, { method: 'POST', headers: { ...json, Origin: origin }, body: '{}' })).status).toBe(403)
    const large = await fetch(path, { method: 'POST', headers: json, body: `"${'a-body'.repeat(300)}"` })
    expect(large.status).toBe(413)
    running.child.kill('SIGTERM')
    expect(await running.exit()).toBe(0)

    const refused = running.log().filter(({ msg }) => msg === 'refused')
    expect(refused.map(({ level, code, host, origin: from }) => ({ level, code, host, origin: from }))).toEqual([
      { level: 'info', code: 'forbidden_host', host: 'mcp.internal.example', origin: undefined },
      { level: 'info', code: 'bad_header', host: 'not a host', origin: undefined },
      { level: 'info', code: 'headers_too_large', host: undefined, origin: undefined },
      { level: 'info', code: 'forbidden_origin', host: undefined, origin: origin.slice(0, 100) },
      { level: 'info', code: 'request_too_large', host: undefined, origin: undefined },
    ])
    for (const hidden of [secret, 'hunter2', 'a-body']) expect(running.stderr()).not.toContain(hidden)
  })

  test('shows a picture to people instead, with the endpoint', async () => {
    const running = mcplex(['serve', '--port', '0', '--log-format', 'pretty', '--', ...fixture('echo-legacy.mjs')])
    await until('the banner', () => running.stderr().includes('Ctrl-C stops'))
    expect(running.stderr()).toMatch(/Endpoint {3}http:\/\/127\.0\.0\.1:\d+\/mcp/)
    expect(running.stderr()).toContain('one process per session')
    expect(running.stderr()).not.toContain('\u001b')
    expect(running.stdout()).toBe('')
  })
})

describe('the end', () => {
  test.each([
    ['SIGTERM', 0],
    ['SIGINT', 130],
  ] as const)('%s lets a call in flight finish, then exits with %i and leaves no process', async (signal, code) => {
    const running = serve()
    const client = await connect(running)
    await (await client.call('echo', { text: 'x' })).text()
    const answer = client.call('slow', { ms: 1000 }).then((response) => response.text())
    await callInFlight(running)

    const processes = below(running.pid)
    expect(processes.length).toBeGreaterThan(0)
    running.child.kill(signal)
    await until('it drains', () => running.stderr().includes('stopping'))
    expect((await fetch(String((await running.ready())['readyz']))).status).toBe(503)
    expect(await answer).toContain('"result"')
    expect(await running.exit()).toBe(code)
    await until('the processes are gone', () => !processes.some(runs))
  })

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('a second %s ends at once with %i, and leaves no process', async (signal, code) => {
    const running = serve()
    const client = await connect(running)
    const answer = client.call('hang').then(
      () => 'answered',
      () => 'cut',
    )
    await callInFlight(running)

    const processes = below(running.pid)
    running.child.kill(signal)
    await until('it drains', () => running.stderr().includes('stopping'))
    // Again and again, as a person does: what comes within a moment of the first counts as its echo.
    const again = setInterval(() => running.child.kill(signal), 100)
    expect(await running.exit()).toBe(code)
    clearInterval(again)
    await answer
    await until('the processes are gone', () => !processes.some(runs))
  })

  test('an unexpected error is logged, ends mcplex with 1, and leaves no process', async () => {
    const bug = `data:text/javascript,process.on('SIGUSR2',()=>{throw(new(Error)('planted'))})`
    const running = serve([], { NODE_OPTIONS: `--import ${bug}` })
    await running.ready()
    const processes = below(running.pid)
    running.child.kill('SIGUSR2')
    expect(await running.exit()).toBe(1)
    expect(running.log().at(-2)).toMatchObject({ level: 'error', err: { message: 'planted' } })
    expect(fatal(running)).toMatchObject({ code: 'internal', exit: 1 })
    await until('the processes are gone', () => !processes.some(runs))
  })

  test('a fault that nothing waited for is logged, and the service goes on', async () => {
    const bug = `data:text/javascript,process.on('SIGUSR2',()=>void(Promise.reject(new(Error)('planted'))))`
    const running = serve([], { NODE_OPTIONS: `--import ${bug}` })
    await running.ready()
    for (let i = 0; i < 3; i++) running.child.kill('SIGUSR2')
    await until('it is logged', () => running.log().some(({ level }) => level === 'error'))
    expect(running.log().find(({ level }) => level === 'error')).toMatchObject({ err: { message: 'planted' } })
    const { call } = await connect(running)
    expect(await (await call('echo', { text: 'as ever' })).text()).toContain('as ever')
    running.child.kill('SIGTERM')
    expect(await running.exit()).toBe(0)
  })

  test('a signal during the start ends the start, and leaves no process', async () => {
    const running = serve([], {}, [process.execPath, '-e', 'setInterval(() => {}, 1000)'])
    await until('the server was started', () => below(running.pid).length > 0)
    const processes = below(running.pid)
    running.child.kill('SIGTERM')
    expect(await running.exit()).toBe(0)
    await until('the processes are gone', () => !processes.some(runs))
  })
})

test('a slow start is reported, so that it is not taken for a hang', async () => {
  const running = serve([], {}, [process.execPath, '-e', 'setTimeout(() => {}, 60_000)'])
  await until('word of the start', () => running.log().some(({ msg }) => String(msg).includes('has not answered yet')))
  expect(running.stdout()).toBe('')
})

describe('a configuration that is wrong ends with 78 and names', () => {
  const server = ['--', 'node', 'never-started.mjs']

  test.each([
    ['a flag', ['--idle-timeout', '10 minuets'], {}, 'config_duration', '--idle-timeout 10 minuets is not a duration'],
    [
      'a variable',
      [],
      { MCP_MAX_CONNECTIONS: 'many' },
      'config_number',
      'MCP_MAX_CONNECTIONS=many is not a whole number',
    ],
    ['an address of the network', ['--host', '0.0.0.0'], {}, 'config_exposed', '--insecure'],
  ])('%s', async (_what, options, env, code, text) => {
    const running = mcplex(['serve', ...options, ...server], env)
    expect(await running.exit()).toBe(78)
    expect(fatal(running)).toMatchObject({ code, exit: 78 })
    expect(running.stderr()).toContain(text)
    expect(running.stdout()).toBe('')
  })

  test('every problem at once, for programs too', async () => {
    const running = mcplex(['serve', '--json', '--port', 'x', '--queue', '-1', ...server])
    expect(await running.exit()).toBe(78)
    expect(JSON.parse(running.stdout())).toMatchObject({
      event: 'failed',
      exit: 78,
      errors: [{ code: 'config_number' }, { code: 'config_number' }],
    })
  })
})

describe('what ends the command', () => {
  test('is a line of the log where the log is JSON: with a time, a code, and every way out', async () => {
    const running = mcplex(['serve', '--mode', 'sesion', '--queue', 'x', '--', 'node'])
    expect(await running.exit()).toBe(78)
    expect(running.stderr().trimEnd().split('\n')).toHaveLength(2)
    expect(running.log()).toMatchObject([
      { level: 'fatal', code: 'config_choice', exit: 78, try: ['--mode session'] },
      { level: 'fatal', code: 'config_number', exit: 78 },
    ])
    expect(Date.parse(String(running.log()[0]?.['time']))).toBeGreaterThan(0)
    expect(running.log()[0]?.['msg']).toBe('--mode sesion is not one of the choices; did you mean session?')
  })

  test.each([
    ['asked for', ['serve', '--log-format', 'pretty', '--prot', '1', '--', 'node'], {}],
    ['asked for in the environment', ['serve', '--prot', '1', '--', 'node'], { MCPLEX_LOG__FORMAT: 'pretty' }],
    ['nothing is logged', ['config', 'emacs'], {}],
  ])('is text where that is %s', async (_why, args, env: Record<string, string>) => {
    const running = mcplex(args, env)
    expect(await running.exit()).toBe(2)
    expect(running.stderr()).toMatch(/^error usage {3}.*\n( +\w+ +\S.*\n)+$/)
  })

  test('names a command that can be pasted, and starts this copy', async () => {
    const running = mcplex(['npx', '-y', 'a server'])
    expect(await running.exit()).toBe(2)
    const line = /^ +try +(.*)$/m.exec(running.stderr())?.[1] ?? ''
    expect(line).toMatch(/^node \S+main\.js serve -- npx -y 'a server'$/)
    const version = spawnSync('sh', ['-c', line.replace(/serve.*/, '--version')], { encoding: 'utf8' })
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})

describe('a failed start says what to do', () => {
  test('a port in use ends with 1', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const address = taken.address()
    const port = typeof address === 'object' ? String(address?.port) : ''
    const running = mcplex(['serve', '--', ...fixture('echo-legacy.mjs')], { PORT: port })
    expect(await running.exit()).toBe(1)
    expect(fatal(running)).toMatchObject({
      code: 'port_in_use',
      msg: `port ${port} of 127.0.0.1 is in use (PORT=${port})`,
      try: expect.arrayContaining([
        expect.stringContaining(`main.js serve --port ${Number(port) + 1} -- ${fixture('echo-legacy.mjs').join(' ')}`),
      ]) as unknown,
    })
    taken.close()
  })

  test('a command that does not exist ends with 69', async () => {
    const running = serve([], {}, ['no-such-command-of-mcplex'])
    expect(await running.exit()).toBe(69)
    expect(fatal(running)).toMatchObject({ code: 'upstream_start' })
    expect(running.stderr()).toContain('command -v no-such-command-of-mcplex')
  })

  test('a command that ends at once ends with 69, and its last words are shown without their colours', async () => {
    const script = 'console.error("\\u001b[31mGITHUB_TOKEN is not set"); process.exit(3)'
    const running = serve([], {}, [process.execPath, '-e', script])
    expect(await running.exit()).toBe(69)
    expect(running.stderr()).toContain('exit code 3')
    expect(fatal(running)).toMatchObject({ stderr: 'GITHUB_TOKEN is not set' })
    expect(running.stderr()).toContain('--env NAME')
  })

  test('its output on stdout is shown as well, and secrets in its command line are not', async () => {
    const script = 'console.log("[fatal] port 3000 is in use"); process.stdout.write("bye"); process.exitCode = 3'
    const secrets = ['--token', 'S3CR3T', '--url=https://me:S3CR3T@example.com/?api_key=S3CR3T', '-H', 'X-Acme: S3CR3T']
    const running = serve(['--log-level', 'debug'], {}, [process.execPath, '-e', script, '--', ...secrets])
    expect(await running.exit()).toBe(69)
    expect(fatal(running)).toMatchObject({
      stdout: '[fatal] port 3000 is in use\nbye',
      command: expect.stringContaining(
        '--token *** --url=https://***@example.com/?api_key=*** -H X-Acme: ***',
      ) as unknown,
    })
    expect(running.stderr() + running.stdout()).not.toContain('S3CR3T')
  })

  test('the output of a silent server is shown when its start times out', async () => {
    const env = { MCPLEX_UPSTREAM__START_TIMEOUT: '1s' }
    const script = 'console.log("{\\"level\\":50,\\"msg\\":\\"listening on 3000\\"}"); process.stdin.resume()'
    const running = serve([], env, [process.execPath, '-e', script])
    expect(await running.exit()).toBe(69)
    expect(fatal(running)).toMatchObject({ stdout: '{"level":50,"msg":"listening on 3000"}' })
  })

  test('variables that it may miss are named, without their values; SHELL and TERM are not among them', async () => {
    const env = {
      HTTPS_PROXY: 'http://V4LUE',
      ACME_API_KEY: 'V4LUE',
      GIVEN_TOKEN: 'V4LUE',
      SHELL: '/bin/sh',
      TERM: 'dumb',
    }
    const script = 'console.error(`${process.env.SHELL} ${process.env.TERM}`); process.exitCode = 3'
    const running = serve(['--env', 'GIVEN_TOKEN'], env, [process.execPath, '-e', script])
    expect(await running.exit()).toBe(69)
    expect(fatal(running)).toMatchObject({
      stderr: '/bin/sh dumb',
      'held back': 'HTTPS_PROXY, ACME_API_KEY: set here, and not handed over to the server',
      try: expect.arrayContaining(['--env HTTPS_PROXY, to hand it over']) as unknown,
    })
    expect(running.stderr() + running.stdout()).not.toContain('V4LUE')
  })

  test('a command that echoes its input ends with 69, without waiting for the start time-out', async () => {
    const running = serve([], {}, ['cat'])
    expect(await running.exit()).toBe(69)
    expect(running.stderr()).toContain('not as an MCP server does')
    expect(running.stderr()).toContain('the command by itself')
    expect(running.stderr()).not.toContain('START_TIMEOUT')
  })

  test('a server that does not answer ends with 69, and leaves no process', async () => {
    const env = { MCPLEX_UPSTREAM__START_TIMEOUT: '300ms' }
    const running = serve([], env, [process.execPath, '-e', 'process.stdin.resume()'])
    await until('the server was started', () => below(running.pid).length > 0)
    const processes = below(running.pid)
    expect(await running.exit()).toBe(69)
    expect(running.stderr()).toContain('did not answer')
    expect(running.stderr()).toContain('MCPLEX_UPSTREAM__START_TIMEOUT')
    await until('the processes are gone', () => !processes.some(runs))
  })
})

test('wrong usage ends with 2, and suggests what was meant', async () => {
  const running = mcplex(['serve', '--prot', '1', '--', 'x'])
  expect(await running.exit()).toBe(2)
  expect(fatal(running)).toMatchObject({ code: 'usage', exit: 2 })
  expect(running.stderr()).toContain('did you mean --port?')
})

test.each([['--version'], ['serve --help'], ['help serve']])(
  '%s is printed to stdout and ends with 0',
  async (args) => {
    const running = mcplex(args.split(' '))
    expect(await running.exit()).toBe(0)
    expect(running.stdout()).toMatch(args === '--version' ? /^\d+\.\d+\.\d+\n$/ : /Examples:/)
    expect(running.stderr()).toBe('')
  },
)
