/** Where requests are taken: Unix sockets, and the addresses of IPv6. */
import { existsSync, lstatSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { silentLog } from '../src/base/log.ts'
import { listen, type HttpListener, type ListenSettings } from '../src/transports/http/listen.ts'
import { openH2 } from './support/h2.ts'
import { createFakeGateway, httpSettings } from './support/fake-gateway.ts'

let folder: string
const ends: Array<() => unknown> = []

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-listen-'))
})

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
  rmSync(folder, { recursive: true })
})

async function open(settings: Partial<ListenSettings>): Promise<HttpListener> {
  const listener = await listen(createFakeGateway(), { ...httpSettings, ...settings }, silentLog)
  ends.push(() => listener.close())
  ends.push(() => listener.cut())
  return listener
}

/** The status of a POST to the endpoint. */
function post(
  to: { host?: string; port?: number; socketPath?: string },
  host = 'localhost',
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const headers = { Host: host, 'Content-Type': 'application/json' }
    const asked = request({ ...to, path: '/mcp', method: 'POST', headers, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    asked.on('error', reject)
    asked.end('{}')
  })
}

describe('a Unix socket', () => {
  const at = (): string => join(folder, 'mcp.sock')

  test('serves both versions of HTTP, says where, and leaves nothing behind', async () => {
    const listener = await open({ socket: at() })
    expect(listener).toMatchObject({ socket: at(), address: at(), port: 0, url: 'http://localhost' })
    expect(await post({ socketPath: at() })).toBe(200)
    const client = await openH2(listener.url, { socketPath: at() })
    expect(await client.post('{"a":1}').end()).toMatchObject({ status: 200, text: '{"a":1}' })
    client.destroy()
    await listener.close()
    expect(existsSync(at())).toBe(false)
  })

  test('is cut together with its file', async () => {
    const listener = await open({ socket: at() })
    listener.cut()
    await listener.close()
    expect(existsSync(at())).toBe(false)
  })

  test('lets in the hosts of loopback and those that were allowed, as a port of loopback does', async () => {
    await open({ socket: at() })
    expect(await post({ socketPath: at() }, 'evil.example')).toBe(403)
    expect(await post({ socketPath: at() }, 'mcp.example.com')).toBe(200)
    expect(await post({ socketPath: at() }, '127.0.0.1:99')).toBe(200)
  })

  test('is its owner’s alone unless more are let in, and the mask of the process stays as it was', async () => {
    const before = process.umask()
    await open({ socket: at() })
    expect(lstatSync(at()).mode & 0o777).toBe(0o600)
    await open({ socket: join(folder, 'group.sock'), socketMode: '660' })
    expect(lstatSync(join(folder, 'group.sock')).mode & 0o777).toBe(0o660)
    expect(process.umask()).toBe(before)
  })

  test('that a dead server left behind is replaced', async () => {
    const dies = `require('node:net').createServer().listen(${JSON.stringify(at())}, () => process.kill(process.pid, 'SIGKILL'))`
    spawnSync(process.execPath, ['-e', dies])
    expect(lstatSync(at()).isSocket()).toBe(true)
    await open({ socket: at() })
    expect(await post({ socketPath: at() })).toBe(200)
  })

  test('a socket on which a process listens is not touched', async () => {
    const other = createServer((socket) => socket.destroy())
    await new Promise<void>((resolve) => void other.listen(at(), resolve))
    ends.push(() => other.close())
    await expect(open({ socket: at() })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    expect(lstatSync(at()).isSocket()).toBe(true)
  })

  test('where there is another file is not touched', async () => {
    writeFileSync(at(), 'precious')
    await expect(open({ socket: at() })).rejects.toMatchObject({ code: 'EEXIST' })
    expect(lstatSync(at()).isFile()).toBe(true)
  })

  test('without its directory is an error', async () => {
    await expect(open({ socket: join(folder, 'none', 'mcp.sock') })).rejects.toMatchObject({ code: 'ENOENT' })
  })
})

describe('IPv6', () => {
  test.each(['::1', '[::1]', '0:0:0:0:0:0:0:1'])('%s is an address to listen on', async (host) => {
    const { address, port, url } = await open({ host })
    expect({ address, url }).toEqual({ address: '::1', url: `http://[::1]:${port}` })
    expect(await post({ host: '::1', port }, `[::1]:${port}`)).toBe(200)
    expect(await post({ host: '::1', port }, '[::2]')).toBe(403)
    expect(await post({ host: '::1', port }, '::1')).toBe(400)
    const client = await openH2(url)
    // Node's own client leaves the brackets out.
    expect(await client.post('{"a":1}', { ':authority': `[::1]:${port}` }).end()).toMatchObject({ status: 200 })
    expect(await client.post('{"a":1}', { ':authority': '[::2]' }).end()).toMatchObject({ status: 403 })
    client.destroy()
  })

  test('all addresses are those of IPv4 as well, each known by its own name', async () => {
    const { port, url } = await open({ host: '::' })
    expect(url).toBe(`http://[::1]:${port}`)
    expect(await post({ host: '127.0.0.1', port }, `127.0.0.1:${port}`)).toBe(200)
    expect(await post({ host: '127.0.0.2', port }, `127.0.0.2:${port}`)).toBe(200)
    expect(await post({ host: '127.0.0.2', port }, `127.0.0.3:${port}`)).toBe(403)
    expect(await post({ host: '::1', port }, `[::1]:${port}`)).toBe(200)
    const client = await openH2(url)
    expect(await client.post('{"a":1}', { ':authority': '[::ffff:127.0.0.1]' }).end()).toMatchObject({ status: 403 })
    client.destroy()
  })
})
