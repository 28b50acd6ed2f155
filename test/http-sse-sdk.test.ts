/** HTTP+SSE with the clients of both official SDKs, as their users mount and configure them. */
import { Client as NewClient, SSEClientTransport as NewSse } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport as OldSse } from '@modelcontextprotocol/sdk/client/sse.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { createServer, request, type Server } from 'node:http'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from './support/eventually.ts'
import { type InProcess, startInProcess } from './support/in-process.ts'
import { echoLegacy, echoModern } from './support/mcplex.ts'

const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name)
const info = { name: 'sse', version: '1' }
const text = { content: [{ type: 'text' }] }

const running: InProcess[] = []
afterEach(async () => {
  await Promise.all(running.splice(0).map((one) => one.end()))
})

async function start(server: string, settings: Parameters<typeof startInProcess>[1] = {}): Promise<InProcess> {
  const one = await startInProcess([server], settings)
  running.push(one)
  return one
}

const at = ({ url }: InProcess): URL => new URL('sse', url)

/** A client of SDK 1 that can be asked everything, and counts what it was asked. */
async function connectOld(url: URL): Promise<{ client: OldClient; asked: string[] }> {
  const asked: string[] = []
  const capabilities = { sampling: {}, elicitation: {}, roots: {} }
  const client = new OldClient(info, { capabilities })
  client.setRequestHandler(ElicitRequestSchema, ({ method }) => {
    asked.push(method)
    return { action: 'accept' as const, content: { name: 'Ada', username: 'ada', email: 'ada@example.com' } }
  })
  client.setRequestHandler(CreateMessageRequestSchema, ({ method }) => {
    asked.push(method)
    return { role: 'assistant' as const, model: 'm', content: { type: 'text' as const, text: 'Paris' } }
  })
  client.setRequestHandler(ListRootsRequestSchema, ({ method }) => {
    asked.push(method)
    return { roots: [{ uri: 'file:///here', name: 'here' }] }
  })
  await client.connect(new OldSse(url))
  onTestFinished(() => client.close())
  return { client, asked }
}

async function connectNew(url: URL, mode: 'legacy' | 'auto' = 'legacy'): Promise<NewClient> {
  const client = new NewClient(info, { versionNegotiation: { mode } })
  await client.connect(new NewSse(url))
  onTestFinished(() => client.close())
  return client
}

test('a client that would rather do without a session gets one, as there is nothing else on this transport', async () => {
  const client = await connectNew(at(await start(echoModern)), 'auto')
  expect(client.getNegotiatedProtocolVersion()).toBe('2025-11-25')
  expect(await client.callTool({ name: 'echo', arguments: { text: 'hi' } })).toMatchObject({
    content: [{ text: 'hi' }],
  })
})

test('a client that tries the newer transport at the address first is sent on to this one', async () => {
  const one = await start(echoLegacy)
  const client = new OldClient(info)
  await expect(client.connect(new StreamableHTTPClientTransport(at(one)))).rejects.toMatchObject({ code: 405 })
  const { client: second } = await connectOld(at(one))
  expect(await second.callTool({ name: 'echo', arguments: { text: 'hi' } })).toMatchObject({
    content: [{ text: 'hi' }],
  })
})

test('a client that closes leaves nothing behind', async () => {
  const one = await start(echoLegacy)
  const { client } = await connectOld(at(one))
  await client.callTool({ name: 'whoami' })
  await client.close()
  await eventually('nothing is left', async () => {
    const { sessions, clients, streams } = await one.counts()
    return sessions === 0 && clients === 0 && streams === 0
  })
})

describe('behind a proxy that serves it below another path', () => {
  let proxy: Server | undefined
  afterEach(() => {
    proxy?.closeAllConnections()
    proxy?.close()
  })

  test('clients of both SDKs find where to POST to', async () => {
    const one = await start(echoLegacy)
    const url = await new Promise<URL>((resolve) => {
      proxy = createServer((incoming, answer) => {
        const path = incoming.url?.replace(/^\/tools\/echo\//, '/') ?? ''
        if (path === incoming.url) return void answer.writeHead(404).end()
        const { method, headers } = incoming
        const onward = request(new URL(path, one.url), { method, headers }, (came) => {
          answer.writeHead(came.statusCode ?? 502, came.headers).flushHeaders()
          came.pipe(answer)
        })
        onward.on('error', () => answer.destroy())
        answer.on('close', () => onward.destroy())
        incoming.pipe(onward)
      })
      proxy.listen(0, '127.0.0.1', () => {
        const address = proxy?.address()
        resolve(new URL(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/tools/echo/sse`))
      })
    })
    for (const client of [(await connectOld(url)).client, await connectNew(url)]) {
      expect(await client.callTool({ name: 'echo', arguments: { text: 'through' } })).toMatchObject({
        content: [{ text: 'through' }],
      })
    }
  })
})

describe.each(['everything-legacy.mjs', 'everything-modern.mjs', 'everything-dual.mjs'])('in front of %s', (name) => {
  test('a client lists, calls, reads, is prompted, follows and is asked', async () => {
    const { client, asked } = await connectOld(at(await start(fixture(name))))
    const { tools } = await client.listTools()
    expect(tools.length).toBeGreaterThan(5)
    expect(await client.callTool({ name: 'test_simple_text' })).toMatchObject(text)
    expect(await client.callTool({ name: 'test_error_handling' })).toMatchObject({ isError: true })
    const told: number[] = []
    const onprogress = ({ progress }: { progress: number }): void => void told.push(progress)
    await client.callTool({ name: 'test_tool_with_progress' }, undefined, { onprogress })
    expect(told.slice(0, 2)).toEqual([0, 50])
    expect(await client.readResource({ uri: 'test://static-text' })).toHaveProperty('contents')
    expect(await client.getPrompt({ name: 'test_simple_prompt' })).toHaveProperty('messages')
    const ref = { type: 'ref/prompt' as const, name: 'test_prompt_with_arguments' }
    expect(await client.complete({ ref, argument: { name: 'arg1', value: 'p' } })).toHaveProperty('completion')
    const question = tools.find((tool) => /^test_(elicitation|input_required_result_elicitation)$/.test(tool.name))
    const args = { message: 'Who?' }
    expect(await client.callTool({ name: question?.name ?? '', arguments: args })).toMatchObject(text)
    expect(asked).toEqual(['elicitation/create'])
  })
})

test.each(['SDK 1', 'SDK 2'])('a client of %s goes on after a restart and after an idle end', async (which) => {
  const before = await start(echoLegacy)
  const { port } = new URL(before.url)
  const client = which === 'SDK 1' ? (await connectOld(at(before))).client : await connectNew(at(before))
  const echo = (): Promise<unknown> => client.callTool({ name: 'echo', arguments: { text: 'hi' } })
  expect(await echo()).toMatchObject({ content: [{ text: 'hi' }] })
  await before.end()
  running.splice(running.indexOf(before), 1)
  const after = await startInProcess(
    [echoLegacy],
    { sessions: { idleTimeoutMs: 1500, idleTimeoutIsFinal: true } },
    {},
    Number(port),
  )
  running.push(after)
  const heals = async (): Promise<void> => {
    // Until the client has noticed that its stream is over and has reconnected, its calls go to the old address.
    const answer = await eventually('a call is served', () => echo().catch(() => undefined))
    expect(answer).toMatchObject({ content: [{ text: 'hi' }] })
  }
  await heals()
  await eventually('it was idle for too long', async () => (await after.counts())['sessions'] === 0)
  await heals()
})
