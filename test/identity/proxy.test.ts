/** Callers whom a proxy has authenticated: nginx with its own passwords in front, and clients that go around it. */
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { request as requestSecurely } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { newApiKey } from '../../src/identity/api-key.ts'
import { writeKeyLine } from '../../src/identity/key-record.ts'
import { selfSigned } from '../fixtures/tls/self-signed.mjs'
import { eventually } from '../support/eventually.ts'
import { openH2 } from '../support/h2.ts'
import { send } from '../support/http.ts'
import { echoLegacy, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { initialize, openSession } from '../support/session.ts'
import { installedProxies, runProxy, type WebProxy } from '../support/web-proxy.ts'

const secret = '0123456789abcdef'.repeat(4)

async function start(auth: object, options: readonly string[] = []): Promise<Mcplex> {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-behind-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'proxy-secret'), `${secret}\n`)
  const file = join(folder, 'mcplex.yaml')
  const listen = { allowHosts: ['mcp.example.com'] }
  const upstreams = { echo: { command: [process.execPath, echoLegacy] } }
  writeFileSync(file, JSON.stringify({ version: 1, listen, auth, upstreams }))
  const mcplex = await startMcplex({ file, options, env: { PROXY_SECRET: secret } })
  onTestFinished(async () => void (await mcplex.end()))
  return mcplex
}

const reasonsIn = ({ log }: Mcplex): unknown[] =>
  log.filter(({ msg }) => msg === 'credentials refused').map(({ reason }) => reason)
const hello = JSON.stringify({
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
})

interface Answer {
  readonly status: number | undefined
  readonly session: string
  readonly text: string
}

/** A POST to nginx. */
function post(proxy: WebProxy, user: string, body: string, headers: object = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = requestSecurely(
      {
        host: '127.0.0.1',
        port: proxy.port,
        path: '/mcp',
        method: 'POST',
        servername: 'mcp.example.com',
        rejectUnauthorized: false,
        agent: false,
        headers: {
          Host: 'mcp.example.com',
          'Content-Type': 'application/json',
          Accept: 'application/json, text/event-stream',
          Authorization: `Basic ${Buffer.from(`${user}:${user} secret`).toString('base64')}`,
          ...headers,
        },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        const session = String(response.headers['mcp-session-id'])
        response.on('end', () => resolve({ status: response.statusCode, session, text }))
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

test.skipIf(!installedProxies.includes('nginx'))(
  'behind nginx, each user has sessions of its own, whatever a client says of itself',
  async () => {
    const mcplex = await start({
      methods: ['proxy'],
      proxy: { from: ['loopback'], secret: '${file:proxy-secret}' },
    })
    const { cert, key } = selfSigned()
    const sha = (word: string): string => `{SHA}${createHash('sha1').update(word).digest('base64')}`
    const proxy = await runProxy(
      'nginx',
      'nginx-sign-in.conf',
      ['listen 443 ssl', (port) => `listen 127.0.0.1:${port} ssl`],
      [
        ['127.0.0.1:8081', new URL(mcplex.url).host],
        ['proxy_set_header X-Mcplex-Proxy-Secret PROXY_SECRET', `proxy_set_header X-Mcplex-Proxy-Secret ${secret}`],
        ['/etc/nginx/mcplex', '$folder'],
      ],
      {
        'cert.pem': cert,
        'key.pem': key,
        'users.htpasswd': ['alice', 'bob'].map((user) => `${user}:${sha(`${user} secret`)}\n`).join(''),
      },
    )
    const opened = await post(proxy, 'alice', hello)
    expect(opened.status).toBe(200)
    const inSession = { 'Mcp-Session-Id': opened.session, 'MCP-Protocol-Version': '2025-11-25' }
    const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}'
    expect((await post(proxy, 'alice', ping, inSession)).status).toBe(200)
    // Another user finds no session, with a name and a secret of its own choice beside that of nginx.
    const spoofed = { ...inSession, 'X-Forwarded-User': 'alice', 'X-Mcplex-Proxy-Secret': 'x' }
    expect((await post(proxy, 'bob', ping, spoofed)).status).toBe(404)
    expect((await post(proxy, 'bob', ping, { ...inSession, X_Forwarded_User: 'alice' })).status).toBe(404)
    expect((await post(proxy, 'mallory', ping, inSession)).status).toBe(401)
    // Around nginx, from an address that is trusted, but without its secret.
    for (const more of [{}, { 'X-Mcplex-Proxy-Secret': `${secret}0` }, { 'X-Mcplex-Proxy-Secret': '' }]) {
      const headers = { ...inSession, 'X-Forwarded-User': 'alice', ...more }
      expect((await send(mcplex.url, { headers: { ...headers, Accept: 'text/event-stream' } })).status).toBe(401)
    }
    await eventually('the reasons', () => reasonsIn(mcplex).length >= 3)
    expect(reasonsIn(mcplex)).toEqual(['untrusted_peer', 'wrong_proxy_secret', 'untrusted_peer'])
    expect(JSON.stringify(mcplex.log)).not.toContain(secret)
  },
)

test('a peer that is not trusted by its address is nobody, whatever it sends, and may have a key', async () => {
  const { id, hash, text } = newApiKey()
  const keys = [writeKeyLine({ id, hash, tenant: 'acme', subject: 'bob' })]
  const mcplex = await start({ methods: ['keys', 'proxy'], keys, proxy: { from: ['192.0.2.1'] } })
  const headers = { 'X-Forwarded-User': 'ann', 'X-Forwarded-For': '192.0.2.1', Forwarded: 'for=192.0.2.1' }
  const refused = await initialize(mcplex.url, { headers })
  expect(refused.status).toBe(401)
  const h2 = await openH2(mcplex.origin)
  onTestFinished(() => h2.destroy())
  expect((await h2.post(hello, { 'x-forwarded-user': 'ann' }).head()).status).toBe(401)
  const session = await openSession(mcplex.url, { headers: { ...headers, 'X-Api-Key': text } })
  expect(await session.text('echo', { text: 'mine' })).toContain('mine')
  expect(reasonsIn(mcplex)).toEqual(['untrusted_peer', 'untrusted_peer'])
  const line = mcplex.log.find(({ msg }) => msg === 'credentials refused')
  expect(await refused.whole()).toContain(`id: ${String(line?.['req_id'])}`)
})

test('a trusted peer is one by its address, over both versions of HTTP, and must name one user', async () => {
  const mcplex = await start({ methods: ['proxy'], proxy: { from: ['loopback'], userHeader: 'remote-user' } })
  const session = await openSession(mcplex.url, { headers: { 'Remote-User': 'ann' } })
  const h2 = await openH2(mcplex.origin)
  onTestFinished(() => h2.destroy())
  const ping = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })
  const inSession = { 'mcp-session-id': session.id, 'mcp-protocol-version': '2025-11-25' }
  expect((await h2.post(ping, { ...inSession, 'remote-user': 'ann' }).end()).status).toBe(200)
  expect((await h2.post(ping, { ...inSession, 'remote-user': 'bob' }).end()).status).toBe(404)
  expect((await h2.post(ping, { ...inSession, 'remote-user': ['ann', 'bob'] }).end()).status).toBe(401)
  expect((await h2.post(ping, { ...inSession, 'x-forwarded-user': 'ann' }).end()).status).toBe(401)
  const twice = 'Remote-User: ann\r\nRemote-User: ann\r\n'
  expect(await rawStatus(connect(Number(new URL(mcplex.url).port), '127.0.0.1'), twice)).toBe(401)
  expect(reasonsIn(mcplex)).toEqual(['several_values', 'no_user_header', 'several_values'])
})

test('whoever may connect to a Unix socket is trusted if it is said so, and nobody else is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-unix-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'm.sock')
  const mcplex = await start({ methods: ['proxy'], proxy: { from: ['unix'] } }, ['--socket', path])
  expect(await rawStatus(connect(path), 'X-Forwarded-User: ann\r\n')).toBe(200)
  expect(await rawStatus(connect(path), '')).toBe(401)
  const h2 = await openH2('http://localhost', { socketPath: path })
  onTestFinished(() => h2.destroy())
  expect((await h2.post(hello, { 'x-forwarded-user': 'ann' }).end()).status).toBe(200)
  await mcplex.end()
  const other = await start({ methods: ['proxy'], proxy: { from: ['10.0.0.0/8'] } }, ['--socket', path])
  expect(await rawStatus(connect(path), 'X-Forwarded-User: ann\r\n')).toBe(401)
  expect(reasonsIn(other)).toEqual(['untrusted_peer'])
})

/** The status of an `initialize` with more lines in its head. */
function rawStatus(socket: Socket, lines: string): Promise<number> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('data', (data) => {
      resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(data.toString('latin1'))?.[1]))
      socket.destroy()
    })
    socket.write(
      `POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n` +
        `${lines}Content-Length: ${hello.length}\r\n\r\n${hello}`,
    )
  })
}
