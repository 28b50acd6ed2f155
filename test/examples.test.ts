/** The programs of `examples/`, run as their first lines say, and used with the official clients of both majors. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ToolListChangedNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterEach, describe, expect, test } from 'vitest'
import { childrenOf, runs } from './children/processes.ts'
import { eventually, inTime } from './support/eventually.ts'
import { openSession } from './support/session.ts'
import { fixture } from './support/typed-command.ts'

const examples = join(import.meta.dirname, '..', 'examples')
const names = readdirSync(examples).filter((name) => /^embed-.*\.mjs$/.test(name))
const running: ChildProcess[] = []

afterEach(() => {
  for (const child of running.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
})

interface Example {
  readonly url: string
  said(): string
  /** Ends it as a supervisor would, and waits until it and its servers are gone. */
  end(): Promise<void>
}

async function run(name: string, server: string): Promise<Example> {
  const child = spawn(process.execPath, [join(examples, name), ...fixture(`${server}.mjs`)], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.push(child)
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const ready = new RegExp(`ready: (\\S+/mcp) \\(${server}, `)
  const url = await eventually('the example to be ready', () => ready.exec(said)?.[1])
  return {
    url,
    said: () => said,
    async end() {
      const servers = childrenOf(child.pid ?? 0, server)
      child.kill('SIGTERM')
      expect(await inTime('the example to end', ended)).toBe(0)
      await eventually('its servers to end', () => !servers.some(runs))
    },
  }
}

test('the example for node:http serves MCP beside its own pages, tells of each call, and ends cleanly', async () => {
  const example = await run('embed-node-http.mjs', 'echo-legacy')
  const session = await openSession(example.url)
  expect(await session.text('echo', { text: 'embedded' })).toBe('embedded')
  expect(await (await fetch(new URL('/', example.url))).text()).toBe('echo-legacy: 1 calls so far\n')
  expect((await fetch(new URL('/elsewhere', example.url))).status).toBe(404)
  await eventually('the call to be told', () => /^tools\/call ok in \d+ ms$/m.test(example.said()))
  await example.end()
})

const info = { name: 'examples', version: '1' }

/** A client as this test uses it. */
interface User {
  tools(): Promise<number>
  call(name: string, args?: object, signal?: AbortSignal, onprogress?: () => void): Promise<string>
  /** How often it was told that the tools have changed. */
  changes(): number
  close(): Promise<void>
}

const textIn = (result: unknown): string =>
  (result as { content: ReadonlyArray<{ text?: string }> }).content[0]?.text ?? ''

async function oldUser(url: string): Promise<User> {
  const client = new OldClient(info)
  let changes = 0
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++)
  const transport = new OldTransport(new URL(url))
  await client.connect(transport)
  return {
    tools: async () => (await client.listTools()).tools.length,
    async call(name, args = {}, signal, onprogress) {
      const options = { ...(signal && { signal }), ...(onprogress && { onprogress }) }
      return textIn(await client.callTool({ name, arguments: { ...args } }, undefined, options))
    },
    changes: () => changes,
    async close() {
      await transport.terminateSession()
      await client.close()
    },
  }
}

async function newUser(url: string, hasSession: boolean): Promise<User> {
  let changes = 0
  const client = new NewClient(info, {
    versionNegotiation: { mode: hasSession ? 'legacy' : { pin: '2026-07-28' } },
    listChanged: { tools: { autoRefresh: false, debounceMs: 0, onChanged: () => void changes++ } },
  })
  const transport = new NewTransport(new URL(url))
  await client.connect(transport)
  return {
    tools: async () => (await client.listTools()).tools.length,
    async call(name, args = {}, signal, onprogress) {
      const options = { ...(signal && { signal }), ...(onprogress && { onprogress }) }
      return textIn(await client.callTool({ name, arguments: { ...args } }, options))
    },
    changes: () => changes,
    async close() {
      if (hasSession) await transport.terminateSession()
      await client.close()
    },
  }
}

const users = [
  ['SDK 1', 'echo-legacy', oldUser],
  ['SDK 2 with a session', 'echo-legacy', (url: string) => newUser(url, true)],
  ['SDK 2 without a session', 'echo-modern', (url: string) => newUser(url, false)],
] as const

describe.each(names)('%s', (name) => {
  test.each(users)('serves %s, streams to it, and hears when it gives up a call', async (_name, server, connect) => {
    const example = await run(name, server)
    const user = await connect(example.url)
    expect(await user.tools()).toBeGreaterThan(20)
    expect(await user.call('echo', { text: 'embedded ✓' })).toBe('embedded ✓')

    let progress = 0
    expect(await user.call('slow', { ms: 60, steps: 3 }, undefined, () => void progress++)).toBe('done after 60 ms')
    expect(progress).toBe(3)

    const giveUp = new AbortController()
    const given = user.call('slow', { ms: 60_000, steps: 600 }, giveUp.signal, () => giveUp.abort())
    await expect(given).rejects.toThrow()
    await eventually('the server to hear of it', async () => /"count":1\b/.test(await user.call('cancelled')))

    await eventually('news by a stream of their own', async () => {
      await user.call('touch-list')
      return user.changes() > 0
    })
    await user.close()
    await example.end()
  })

  test('serves HTTP+SSE and tells how it is, beside the endpoint, and lets no foreign page in', async () => {
    const example = await run(name, 'echo-legacy')
    const client = new OldClient(info)
    await client.connect(new SSEClientTransport(new URL('sse', example.url)))
    expect(textIn(await client.callTool({ name: 'echo', arguments: { text: 'old' } }))).toBe('old')
    await client.close()
    for (const probe of ['health', 'livez', 'readyz'])
      expect((await fetch(new URL(probe, example.url))).status, probe).toBe(200)
    expect((await fetch(example.url, { headers: { Origin: 'https://evil.example' } })).status).toBe(403)
    expect((await fetch(new URL('/', example.url))).status, 'its own page').toBe(200)
    await example.end()
  })
})
