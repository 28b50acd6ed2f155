/** The proxy files of `docs/proxy/`, run by nginx and Caddy themselves in front of real processes of mcplex. */
import { createHash } from 'node:crypto'
import { request as requestSecurely } from 'node:https'
import { describe, expect, test } from 'vitest'
import { selfSigned } from './fixtures/tls/self-signed.mjs'
import { eventually } from './support/eventually.ts'
import { type Mcplex, mcplexForTest } from './support/mcplex.ts'
import { openSession } from './support/session.ts'
import { installedProxies, runProxy, type WebProxy } from './support/web-proxy.ts'

const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }
/** Cheap ones, as each of them reads them: in use they cost a tenth of a second, by design. */
const sha = (password: string): string => `{SHA}${createHash('sha1').update(password).digest('base64')}`
const bcrypt = {
  red: '$2y$04$hV2k4FNctGbuvyhS9BtL/exC3/3p.TUW7083hzGzTYk9/uytOWasy',
  blue: '$2y$04$dCH8BiksRiTpiGdp5CDfTeqmwLwLWsx1M/3wRqC1cyU0hvwow9opq',
}
const keys = { red: 'a1'.repeat(32), blue: 'b2'.repeat(32) }
const basic = (user: string, password: string): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

test('nginx and Caddy are installed in CI; elsewhere a missing one is skipped', () => {
  // .ci/run installs them.
  const needed = process.env['CI'] === undefined ? installedProxies : ['nginx', 'caddy']
  expect(installedProxies).toEqual(needed)
})

interface Answer {
  readonly status: number | undefined
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: () => string
  readonly whole: Promise<string>
}

/** A request to the address that the document is for. */
function ask(proxy: WebProxy, path: string, headers: object, method = 'GET', body?: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = requestSecurely(
      {
        host: '127.0.0.1',
        port: proxy.port,
        path,
        method,
        servername: 'mcp.example.com',
        // The certificate of the test has another name.
        rejectUnauthorized: false,
        agent: false,
        headers: { Host: 'mcp.example.com', ...headers },
      },
      (response) => {
        let text = ''
        const whole = new Promise<string>((done) => response.on('end', () => done(text)))
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        resolve({ status: response.statusCode, headers: response.headers, text: () => text, whole })
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

const clientInfo = { name: 'test', version: '1' }
const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
})
const call = (name: string, args: object): string =>
  JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } })

async function openAt(proxy: WebProxy, path: string, authorization: string): Promise<Record<string, string>> {
  const headers = { ...json, Authorization: authorization }
  const hello = await ask(proxy, path, headers, 'POST', initialize)
  expect(hello.status).toBe(200)
  return {
    ...headers,
    'Mcp-Session-Id': String(hello.headers['mcp-session-id']),
    'MCP-Protocol-Version': '2025-11-25',
  }
}

const portOf = ({ url }: Mcplex): string => new URL(url).port

describe.each(installedProxies)('%s', (name) => {
  describe('in front of two teams', () => {
    interface Teams {
      readonly proxy: WebProxy
      readonly red: Mcplex
      readonly blue: Mcplex
    }

    async function open(): Promise<Teams> {
      const options = ['--allow-host', 'mcp.example.com']
      const [red, blue] = await Promise.all([mcplexForTest({ options }), mcplexForTest({ options })])
      const { cert, key } = selfSigned()
      const ports = [
        ['127.0.0.1:8081', `127.0.0.1:${portOf(red)}`],
        ['127.0.0.1:8082', `127.0.0.1:${portOf(blue)}`],
      ] as const
      const files = {
        'cert.pem': cert,
        'key.pem': key,
        'red.htpasswd': `alice:${sha('red secret')}\n`,
        'blue.htpasswd': `bob:${sha('blue secret')}\n`,
      }
      const proxy =
        name === 'nginx'
          ? await runProxy(
              name,
              'nginx-teams.conf',
              ['listen 443 ssl', (port) => `listen 127.0.0.1:${port} ssl`],
              [...ports, ['RED_KEY', keys.red], ['BLUE_KEY', keys.blue], ['/etc/nginx/mcplex', '$folder']],
              files,
            )
          : await runProxy(
              name,
              'Caddyfile-teams',
              ['mcp.example.com {', (port) => `https://mcp.example.com:${port} {`],
              [...ports, ['RED_HASH', bcrypt.red], ['BLUE_HASH', bcrypt.blue], ['/etc/caddy/mcplex', '$folder']],
              files,
              { RED_KEY: keys.red, BLUE_KEY: keys.blue },
            )
      return { proxy, red, blue }
    }

    test('each comes to its own mcplex, by password or by key, and to no other', async () => {
      const { proxy, red, blue } = await open()
      for (const [path, authorization, own, other] of [
        ['/red/mcp', basic('alice', 'red secret'), red, blue],
        ['/red/mcp', `Bearer ${keys.red}`, red, blue],
        ['/blue/mcp', basic('bob', 'blue secret'), blue, red],
        ['/blue/mcp', `Bearer ${keys.blue}`, blue, red],
      ] as const) {
        const headers = await openAt(proxy, path, authorization)
        const { whole, status } = await ask(proxy, path, headers, 'POST', call('echo', { text: 'a-nonce' }))
        expect([status, await whole]).toEqual([200, expect.stringContaining('a-nonce')])
        const sessions = (mcplex: Mcplex): number => mcplex.log.filter(({ msg }) => msg === 'session begins').length
        const [before, after] = [sessions(other), sessions(own)]
        expect(after).toBeGreaterThan(0)
        await (
          await ask(proxy, path, headers, 'DELETE')
        ).whole
        expect(sessions(other)).toBe(before)
      }
    })

    test('clients without valid credentials, and members of the other team, reach neither', async () => {
      const { proxy, red, blue } = await open()
      const strange = [
        undefined,
        basic('alice', 'wrong'),
        basic('bob', 'blue secret'),
        `Bearer ${keys.blue}`,
        `bearer ${keys.red.toUpperCase()}`,
        `Bearer ${keys.red}x`,
        'Bearer ',
        'Bearer RED_KEY',
      ]
      for (const authorization of strange) {
        for (const path of ['/red/mcp', '/red/sse', '/red/health']) {
          const { status } = await ask(proxy, path, { ...json, Authorization: authorization ?? '' })
          expect([path, authorization, status]).toEqual([path, authorization, 401])
        }
      }
      expect((await ask(proxy, '/mcp', { ...json, Authorization: `Bearer ${keys.red}` })).status).toBe(404)
      expect((await ask(proxy, '/red/../blue/mcp', { ...json, Authorization: `Bearer ${keys.red}` })).status).toBe(401)
      for (const { log } of [red, blue]) expect(log.filter(({ msg }) => msg !== 'ready')).toEqual(started(log))
    })

    test('events come as they happen, over both transports, and calls with them', async () => {
      const { proxy } = await open()
      const authorization = `Bearer ${keys.red}`
      const headers = await openAt(proxy, '/red/mcp', authorization)
      await (
        await ask(proxy, '/red/mcp', headers, 'POST', '{"jsonrpc":"2.0","method":"notifications/initialized"}')
      ).whole
      // A call that tells of its progress: the first word of it is here before the answer is.
      const params = { name: 'slow', arguments: { steps: 4, ms: 4000 }, _meta: { progressToken: 'p' } }
      const body = JSON.stringify({ jsonrpc: '2.0', id: 2, method: 'tools/call', params })
      const streamed = await ask(proxy, '/red/mcp', headers, 'POST', body)
      await eventually('progress', () => streamed.text().includes('notifications/progress'))
      expect(streamed.text()).not.toContain('"result"')
      expect(await streamed.whole).toContain('"result"')

      const stream = await ask(proxy, '/red/sse', { Authorization: authorization, Accept: 'text/event-stream' })
      const address = await eventually('the address', () => /^data: (\S+)$/m.exec(stream.text())?.[1])
      const messages = new URL(address, 'https://mcp.example.com/red/sse')
      expect(messages.pathname).toBe('/red/messages')
      const sent = await ask(
        proxy,
        messages.pathname + messages.search,
        { ...json, Authorization: authorization },
        'POST',
        initialize,
      )
      expect(sent.status).toBe(202)
      await eventually('the answer', () => stream.text().includes('"serverInfo"'))
    })
  })

  test('in front of three servers: a path each, for this machine alone', async () => {
    const all = await Promise.all([mcplexForTest(), mcplexForTest(), mcplexForTest()])
    const ports = all.map((mcplex, at) => [`127.0.0.1:808${at + 1}`, `127.0.0.1:${portOf(mcplex)}`] as const)
    const proxy =
      name === 'nginx'
        ? await runProxy(name, 'nginx-servers.conf', ['127.0.0.1:8080;', (port) => `127.0.0.1:${port};`], ports)
        : await runProxy(name, 'Caddyfile-servers', [':8080', (port) => `:${port}`], ports)
    const origin = `http://127.0.0.1:${proxy.port}`
    for (const [at, path] of ['/files/mcp', '/git/mcp', '/memory/mcp'].entries()) {
      const session = await openSession(origin + path)
      expect(await session.text('echo', { text: path })).toContain(path)
      const logged = all.map(({ log }) => log.filter(({ msg }) => msg === 'session begins').length)
      expect(logged).toEqual([0, 1, 2].map((other) => (other <= at ? 1 : 0)))
      await session.end()
    }
    expect((await fetch(`${origin}/mcp`)).status).toBe(404)
    const origins = { Origin: 'https://evil.example' }
    expect((await fetch(`${origin}/files/mcp`, { headers: origins })).status).toBe(403)
    expect((await fetch(`${origin}/files/health`)).status).toBe(200)
  })
})

/** What a mcplex logs that no client has reached. */
function started(log: Mcplex['log']): Mcplex['log'] {
  return log.filter(({ msg }) => msg === 'starting the server')
}
