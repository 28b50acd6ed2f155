/** The links of the banner, opened in a browser: a page for people, and nothing of it for programs. */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { send } from './support/http.ts'
import { openH2 } from './support/h2.ts'
import { mcplexForTest } from './support/mcplex.ts'

/** What Firefox sends when a link is followed. */
const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'
const navigation = { headers: { Accept: browser, 'Sec-Fetch-Mode': 'navigate', 'Sec-Fetch-Dest': 'document' } }

describe('a browser', () => {
  test('shows what each address is and how to connect, without a script, and without data of the server', async () => {
    const mcplex = await mcplexForTest()
    for (const [path, status, words] of [
      ['/mcp', 200, 'claude mcp add --transport http NAME ADDRESS'],
      ['/mcp/', 200, 'claude mcp add --transport http NAME ADDRESS'],
      ['/mcp?x=<script>alert(1)</script>', 200, 'An MCP endpoint'],
      ['/sse', 200, 'old clients'],
      ['/', 200, 'the address that ends in'],
      ['/messages?sessionId=guess', 404, 'Nothing is here'],
      ['/<script>alert(1)</script>', 404, 'Nothing is here'],
    ] as const) {
      const response = await fetch(`${mcplex.origin}${path}`, navigation)
      const text = await response.text()
      expect([path, response.status]).toEqual([path, status])
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(text).toContain(words)
      expect(text).not.toMatch(/<script|alert|javascript:| on\w+=|echo-legacy|127\.0\.0\.1|localhost/i)
      const policy = response.headers.get('content-security-policy') ?? ''
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("frame-ancestors 'none'")
      const style = /<style>([^]*?)<\/style>/.exec(text)?.[1] ?? ''
      expect(policy).toContain(`'sha256-${createHash('sha256').update(style).digest('base64')}'`)
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      // What is kept of it must not be shown to a program, nor the other way round.
      expect(response.headers.get('cache-control')).toBe('no-store')
      expect(response.headers.get('vary')).toContain('Accept')
    }
    expect(mcplex.log.filter(({ msg }) => msg === 'refused')).toEqual([])
  })

  test('follows the links of a page to where they say', async () => {
    const mcplex = await mcplexForTest()
    for (const path of ['/mcp', '/mcp/', '/sse', '/']) {
      const text = await (await fetch(`${mcplex.origin}${path}`, navigation)).text()
      const links = [...text.matchAll(/href="([^"]+)"/g)].map(([, to = '']) => new URL(to, mcplex.origin + path).href)
      expect(links.length).toBeGreaterThan(0)
      for (const link of links) expect([200, link]).toEqual([(await fetch(link, navigation)).status, link])
    }
  })

  test('sees the health as it is', async () => {
    const mcplex = await mcplexForTest()
    const response = await fetch(`${mcplex.origin}/health`, navigation)
    expect(await response.json()).toMatchObject({ status: 'ok' })
  })

  test('is told of /sse only where that is served', async () => {
    const mcplex = await mcplexForTest({ options: ['--no-sse'] })
    expect((await fetch(`${mcplex.origin}/sse`, navigation)).status).toBe(404)
  })

  test('is checked by its Host like any other request', async () => {
    const mcplex = await mcplexForTest()
    const { status, text } = await send(mcplex.url, { headers: { Host: 'evil.example', Accept: browser } })
    expect(status).toBe(403)
    expect(text).not.toContain('<html')
  })

  test('sees the same over HTTP/2', async () => {
    const mcplex = await mcplexForTest()
    const client = await openH2(mcplex.origin)
    const { status, text } = await client.request('/mcp', { headers: { accept: browser } }).end()
    expect(status).toBe(200)
    expect(text).toContain('An MCP endpoint')
    client.destroy()
  })
})

test('programs are answered as before, whatever their library lists', async () => {
  const mcplex = await mcplexForTest()
  const java = 'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2'
  const stream = await send(`${mcplex.origin}/sse`, { headers: { Accept: java } })
  expect(stream.status).toBe(200)
  expect(stream.headers['content-type']).toContain('text/event-stream')
  for (const Accept of ['*/*', java, 'text/event-stream, text/html', 'application/json']) {
    const { status, headers } = await send(mcplex.url, { headers: { Accept } })
    expect([Accept, status]).toEqual([Accept, 400])
    expect(headers['content-type']).toBe('application/json')
  }
  const resumed = await send(mcplex.url, { headers: { Accept: browser, 'Mcp-Session-Id': 'gone' } })
  expect(resumed.headers['content-type']).toBe('application/json')
})
