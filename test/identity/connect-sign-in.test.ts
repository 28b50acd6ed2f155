/** `mcplex connect` signs in with a browser, at a real authorization server, and keeps what it gets for the next start. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { freePort, startAuthorizationServer } from '../support/authorization-server.ts'
import { eventually } from '../support/eventually.ts'
import { echoLegacy, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { type Piped, startPiped } from '../support/pipes.ts'
import { textOf } from '../support/rpc.ts'

const browser = join(import.meta.dirname, '..', 'fixtures', 'fake-browser.mjs')

interface Endpoint {
  readonly mcplex: Mcplex
  readonly folder: string
  /** The addresses that browsers were started with. */
  opened(): readonly string[]
  /** The one file with tokens. */
  file(): string
  kept(): { tokens: { answer: { access_token: string; refresh_token: string; scope: string }; endsMs: number } }
  connect(options?: readonly string[], env?: Readonly<Record<string, string>>): Piped
}

interface Served {
  readonly mcplex: Mcplex
  end(): Promise<void>
}

/** An mcplex that asks for tokens of an authorization server. */
async function serve(seconds: number, firstScopes: string): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-sign-in-'))
  const port = await freePort()
  const publicUrl = `http://127.0.0.1:${port}`
  const server = await startAuthorizationServer('sign-in-server.mjs', [
    `${publicUrl}/mcp`,
    String(seconds),
    firstScopes,
  ])
  const settings = join(folder, 'mcplex.yaml')
  writeFileSync(
    settings,
    JSON.stringify({
      auth: {
        methods: ['oauth'],
        issuers: [server.issuer],
        publicUrl,
        scopes: ['mcp:tools tools/*', 'mcp:admin logging/*'],
      },
      upstreams: { echo: { command: [process.execPath, echoLegacy] } },
    }),
  )
  const mcplex = await startMcplex({ file: settings, options: ['--port', String(port)] })
  return {
    mcplex,
    async end() {
      await mcplex.end()
      server.end()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

const all = 'mcp:tools mcp:admin'
let usual: Served
beforeAll(async () => {
  usual = await serve(300, all)
})
afterAll(() => usual?.end())

/** Such an mcplex, and the machine of a person with a browser. */
async function endpoint({ seconds = 300, firstScopes = all } = {}): Promise<Endpoint> {
  const isUsual = seconds === 300 && firstScopes === all
  const served = isUsual ? usual : await serve(seconds, firstScopes)
  if (!isUsual) onTestFinished(() => served.end())
  const { mcplex } = served
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-person-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const programs = join(folder, 'bin')
  mkdirSync(programs)
  writeFileSync(
    join(programs, 'xdg-open'),
    `#!/bin/sh\nexec ${JSON.stringify(process.execPath)} ${JSON.stringify(browser)} "$1"\n`,
    { mode: 0o755 },
  )
  const log = join(folder, 'opened')
  const state = join(folder, 'state')
  const tokens = join(state, 'mcplex', 'sign-ins')
  const file = (): string => {
    const [name = '', ...others] = readdirSync(tokens).filter((one) => one.endsWith('.json'))
    expect(others).toEqual([])
    return join(tokens, name)
  }
  return {
    mcplex,
    folder,
    opened: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []),
    file,
    kept: () => JSON.parse(readFileSync(file(), 'utf8')) as ReturnType<Endpoint['kept']>,
    connect(options = [], env = {}) {
      const PATH = `${programs}:${process.env['PATH'] ?? ''}`
      const machine = { PATH, HOME: folder, XDG_STATE_HOME: state, DISPLAY: ':9', BROWSER_LOG: log, ...env }
      const piped = startPiped(['connect', ...options, mcplex.url], machine)
      onTestFinished(() => piped.end())
      return piped
    },
  }
}

async function isServed(piped: Piped, text: string): Promise<void> {
  expect((await piped.initialize()).result).toMatchObject({ protocolVersion: '2025-11-25' })
  expect(textOf(await piped.call('echo', { text }))).toBe(text)
}

describe.skipIf(process.platform !== 'linux')('with a browser', () => {
  test('a first start signs in, and the next one uses what was kept', async () => {
    const { connect, opened, file, kept, mcplex } = await endpoint()
    const first = connect()
    await isServed(first, 'one')
    expect(opened()).toHaveLength(1)
    expect(first.stderr()).toContain(opened()[0])
    expect(statSync(file()).mode & 0o777).toBe(0o600)
    const { access_token: token, refresh_token: refresh } = kept().tokens.answer
    for (const secret of [token, refresh]) expect(first.stderr()).not.toContain(secret)
    await first.end()

    await isServed(connect(), 'two')
    expect(opened()).toHaveLength(1)
    expect(kept().tokens.answer.access_token).toBe(token)
    expect(JSON.stringify(mcplex.log)).not.toContain(token)
  })

  test('a token that has ended is renewed without a browser', async () => {
    const { connect, opened, kept } = await endpoint({ seconds: 7 })
    const piped = connect()
    await isServed(piped, 'one')
    const { access_token: first } = kept().tokens.answer
    await eventually('the token to be nearly over', () => kept().tokens.endsMs - 5000 < Date.now())
    expect(textOf(await piped.call('echo', { text: 'two' }))).toBe('two')
    expect(kept().tokens.answer.access_token).not.toBe(first)
    expect(opened()).toHaveLength(1)
  })

  test('a token that the endpoint refuses before its end is renewed, and the message sent again', async () => {
    const { connect, opened, file, kept } = await endpoint()
    await isServed(connect(), 'one')
    const text = readFileSync(file(), 'utf8')
    const { access_token: token } = kept().tokens.answer
    writeFileSync(file(), text.replace(token, `${token.slice(0, -6)}AAAAAA`))
    await isServed(connect(), 'two')
    expect(opened()).toHaveLength(1)
  })

  test('of two that start at once, one asks, and both are served', async () => {
    const { connect, opened } = await endpoint()
    await Promise.all([isServed(connect(), 'one'), isServed(connect(), 'two')])
    expect(opened()).toHaveLength(1)
  })

  test('one who does not consent is told so, and nothing is kept', async () => {
    const { connect, opened, folder } = await endpoint()
    const piped = connect([], { BROWSER_DENY: '1' })
    piped.begin('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'x', version: '1' },
    })
    expect(await piped.exited).toBe(77)
    expect(piped.stderr()).toContain('did not let you sign in (access_denied)')
    expect(piped.stderr()).toContain('MCPLEX_API_KEY')
    expect(opened()).toHaveLength(1)
    const kept = readdirSync(join(folder, 'state', 'mcplex', 'sign-ins')).filter((name) => name.endsWith('.json'))
    expect(kept).toEqual([])
  })

  test('a scope that a message needs is asked for when it is needed, once', async () => {
    const { connect, opened, kept } = await endpoint({ firstScopes: 'mcp:tools' })
    const piped = connect()
    await isServed(piped, 'one')
    expect(kept().tokens.answer.scope.split(' ')).not.toContain('mcp:admin')
    expect((await piped.request('logging/setLevel', { level: 'debug' })).error?.message ?? '').not.toContain('scope')
    expect(opened()).toHaveLength(2)
    expect(kept().tokens.answer.scope.split(' ')).toEqual(expect.arrayContaining(['mcp:tools', 'mcp:admin']))
    expect(textOf(await piped.call('echo', { text: 'two' }))).toBe('two')
  })

  test('a scope that is refused fails the message alone', async () => {
    const { connect, opened } = await endpoint({ firstScopes: 'mcp:tools' })
    await isServed(connect(), 'one')
    const piped = connect([], { BROWSER_DENY: '1' })
    await isServed(piped, 'two')
    for (let times = 0; times < 2; times++)
      expect(JSON.stringify(await piped.request('logging/setLevel', { level: 'debug' }))).toContain(
        'insufficient_scope',
      )
    expect(opened()).toHaveLength(2)
    expect(textOf(await piped.call('echo', { text: 'three' }))).toBe('three')
  })

  test('a client id takes the place of a registration, and has a file of its own', async () => {
    const { connect, opened } = await endpoint()
    const port = await freePort()
    await isServed(connect(['--client-id', 'known', '--callback-port', String(port)]), 'one')
    const asked = new URL(opened()[0] ?? '').searchParams
    expect(asked.get('client_id')).toBe('known')
    expect(asked.get('redirect_uri')).toBe(`http://127.0.0.1:${port}/callback`)
    expect(asked.get('code_challenge_method')).toBe('S256')
  })
})

test('a file with tokens that others can read is not used, nor replaced', async () => {
  const { connect, opened, file } = await endpoint()
  await isServed(connect(), 'one')
  chmodSync(file(), 0o644)
  const before = readFileSync(file(), 'utf8')
  const piped = connect()
  piped.begin('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'x', version: '1' },
  })
  expect(await piped.exited).toBe(78)
  expect(piped.stderr()).toContain('mode 644')
  expect(piped.stderr()).not.toContain(JSON.parse(before).tokens.answer.access_token)
  expect(opened()).toHaveLength(1)
  expect(readFileSync(file(), 'utf8')).toBe(before)
})

test('without a screen nothing is waited for: the way out is a key', async () => {
  const { connect, opened } = await endpoint()
  const piped = connect([], { DISPLAY: '' })
  piped.begin('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'x', version: '1' },
  })
  expect(await piped.exited).toBe(77)
  expect(piped.stderr()).toContain('no screen')
  expect(piped.stderr()).toContain('--no-browser')
  expect(piped.stderr()).toContain('MCPLEX_API_KEY')
  expect(opened()).toEqual([])
})

test('with --no-browser the address is printed, and whoever opens it signs in', async () => {
  const { connect, opened } = await endpoint()
  const piped = connect(['--no-browser'], { DISPLAY: '' })
  const served = isServed(piped, 'one')
  const [address] = await eventually('the address', () => /http:\S+\/auth\?\S+/.exec(piped.stderr()) ?? undefined)
  expect(opened()).toEqual([])
  const strange = new URL(new URL(address).searchParams.get('redirect_uri') ?? '')
  strange.search = 'code=stolen&state=guessed'
  expect((await fetch(strange)).status).toBe(400)
  const { execFile } = await import('node:child_process')
  execFile(process.execPath, [browser, address], { env: { BROWSER_LOG: '/dev/null' } })
  await served
})

test('one that nobody signs in at ends after --sign-in-wait', async () => {
  const { connect } = await endpoint()
  const piped = connect(['--no-browser', '--sign-in-wait', '300ms'])
  piped.begin('initialize', {
    protocolVersion: '2025-11-25',
    capabilities: {},
    clientInfo: { name: 'x', version: '1' },
  })
  expect(await piped.exited).toBe(77)
  expect(piped.stderr()).toContain('nobody has signed in')
})

describe('a key from a file', () => {
  /** An endpoint that takes one key. */
  async function keyed(): Promise<{ url: string; accept: (key: string) => void }> {
    let good = ''
    const server = createServer((request, response) => {
      request.resume()
      const { method, headers } = request
      if (headers.authorization !== `Bearer ${good}`) return void response.writeHead(401).end()
      if (method !== 'POST') return void response.writeHead(405).end()
      const result = { protocolVersion: '2025-11-25', capabilities: {}, serverInfo: { name: 'keyed', version: '1' } }
      let body = ''
      request.on('data', (piece: Buffer) => (body += piece.toString()))
      request.on('end', () => {
        const { id } = JSON.parse(body) as { id?: number }
        if (id === undefined) return void response.writeHead(202).end()
        response.writeHead(200, { 'content-type': 'application/json' })
        response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    onTestFinished(() => server.closeAllConnections())
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    return { url: `http://127.0.0.1:${port}/mcp`, accept: (key) => (good = key) }
  }

  test('it is sent, and read again when it is refused', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mcplex-key-file-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'key')
    const { url, accept } = await keyed()
    writeFileSync(path, 'first-key\n', { mode: 0o600 })
    accept('first-key')
    const piped = startPiped(['connect', '--key-file', path, url])
    onTestFinished(() => piped.end())
    await piped.initialize()
    accept('second-key')
    writeFileSync(path, 'second-key\n')
    expect((await piped.request('tools/list')).result).toBeDefined()
    expect(piped.stderr()).not.toContain('-key')
    accept('third-key')
    piped.begin('tools/list')
    expect(await piped.exited).toBe(77)
    expect(piped.stderr()).toContain(`the one in ${path} is not accepted`)
  })

  test('one that is not there, and one beside a variable, are refused', async () => {
    const missing = startPiped(['connect', '--key-file', '/nowhere/key', 'http://127.0.0.1:1/mcp'])
    expect(await missing.exited).toBe(78)
    expect(missing.stderr()).toContain('/nowhere/key')
    const both = startPiped(['connect', '--key-file', 'x', '--key-env', 'TEAM', 'http://127.0.0.1:1/mcp'])
    expect(await both.exited).toBe(2)
  })
})
