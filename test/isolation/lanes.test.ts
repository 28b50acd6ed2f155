/**
 * What works for which client in front of which server: everything, of the same era and across eras.
 */
import { fileURLToPath } from 'node:url'
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { fixture } from '../support/typed-command.ts'

const info = { name: 'lanes', version: '1' }
const capabilities = { elicitation: {}, sampling: {}, roots: {} }
const elicited = { action: 'accept', content: { name: 'Ada' } } as const
const sampled = { role: 'assistant', model: 'test', content: { type: 'text', text: 'Paris' } } as const
const roots = { roots: [{ uri: 'file:///home/ada', name: 'ada' }] }

type Either = OldClient | NewClient

async function connectOld(url: string): Promise<OldClient> {
  const client = new OldClient(info, { capabilities })
  client.setRequestHandler(ElicitRequestSchema, () => elicited)
  client.setRequestHandler(CreateMessageRequestSchema, () => sampled)
  client.setRequestHandler(ListRootsRequestSchema, () => roots)
  await client.connect(new OldTransport(new URL(url)))
  return client
}

/** A client without a session that declares nothing, and is asked nothing: it meets the same process again. */
async function connectPlain(url: string): Promise<NewClient> {
  const client = new NewClient(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
  await client.connect(new NewTransport(new URL(url)))
  return client
}

async function connectNew(url: string, mode: 'legacy' | { pin: string }): Promise<NewClient> {
  const client = new NewClient(info, { capabilities, versionNegotiation: { mode } })
  client.setRequestHandler('elicitation/create', () => elicited)
  client.setRequestHandler('sampling/createMessage', () => sampled)
  client.setRequestHandler('roots/list', () => roots)
  await client.connect(new NewTransport(new URL(url)))
  return client
}

const clients = [
  { name: 'SDK 1', era: 'legacy', connect: connectOld },
  { name: 'SDK 2 with a session', era: 'legacy', connect: (url: string) => connectNew(url, 'legacy') },
  { name: 'SDK 2 without a session', era: 'modern', connect: (url: string) => connectNew(url, { pin: '2026-07-28' }) },
] as const

interface Told {
  readonly progress: number
  readonly total?: number | undefined
}

interface CallOptions {
  readonly signal?: AbortSignal
  readonly onprogress?: (told: Told) => void
}

/** The two SDKs take their options at different places. */
function callTool(
  client: Either,
  name: string,
  args: Record<string, unknown> = {},
  options: CallOptions = {},
): Promise<unknown> {
  const params = { name, arguments: args }
  return client instanceof OldClient ? client.callTool(params, undefined, options) : client.callTool(params, options)
}

/** The text of a tool's result, and whether the tool failed. */
async function said(result: Promise<unknown>): Promise<{ text: string; isError: boolean }> {
  const { content, isError } = (await result) as { content: ReadonlyArray<{ text?: string }>; isError?: boolean }
  return { text: content[0]?.text ?? '', isError: isError ?? false }
}

const text = async (result: Promise<unknown>): Promise<string> => (await said(result)).text

/** The error that a call ends with. */
async function refusal(result: Promise<unknown>): Promise<{ code?: unknown; data?: unknown; message: string }> {
  try {
    await result
  } catch (error) {
    return error as { code?: unknown; data?: unknown; message: string }
  }
  throw new Error('was not refused')
}

function inFrontOf(server: readonly string[]): { url(): string } {
  let mcplex: Mcplex | undefined
  beforeAll(async () => {
    mcplex = await startMcplex({ server, options: ['--log-level', 'warn', '--stateless', 'principal'] })
  })
  afterAll(async () => {
    expect((await mcplex?.end())?.code).toBe(0)
    expect(mcplex?.log.filter(({ msg }) => msg === 'internal fault')).toEqual([])
  })
  return { url: () => mcplex?.url ?? '' }
}

describe.each([{ server: 'echo-legacy' }, { server: 'echo-modern' }])('in front of $server', ({ server }) => {
  const front = inFrontOf(fixture(`${server}.mjs`).slice(1))

  describe.each(clients)('$name', ({ era, connect }) => {
    const endsWithCall = era === 'modern' && server === 'echo-legacy'
    let client: Either
    /** The same, but for one whose processes end with its calls, since it can be asked: then one that cannot. */
    let keeping: Either
    beforeAll(async () => {
      client = await connect(front.url())
      keeping = endsWithCall ? await connectPlain(front.url()) : client
    })
    afterAll(() => Promise.all([client, ...(endsWithCall ? [keeping] : [])].map((one) => one.close())))

    test('gets the server description and the lists', async () => {
      expect(client.getServerVersion()).toMatchObject({ name: server })
      expect(client.getInstructions()).toBe('Call echo.')
      expect(client.getServerCapabilities()).toMatchObject({
        tools: { listChanged: true },
        completions: {},
        logging: {},
      })
      expect((await client.listTools()).tools.map(({ name }) => name)).toContain('tool_20')
      expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(['echo://nonce', 'echo://calls'])
      expect((await client.listResourceTemplates()).resourceTemplates).toHaveLength(1)
      expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(['greet'])
    })

    test('calls, reads, is prompted and completes', async () => {
      expect(await text(callTool(client, 'echo', { text: 'grüße 😀\n' }))).toBe('grüße 😀\n')
      const values = { key: `k ${era}`, value: 'kept' }
      await callTool(keeping, 'remember', values)
      const read = await keeping.readResource({ uri: `echo://values/${values.key}` })
      expect(read.contents).toMatchObject([{ text: 'kept' }])
      const prompt = await client.getPrompt({ name: 'greet', arguments: { name: 'Ada' } })
      expect(prompt.messages).toMatchObject([{ content: { text: 'Greet Ada.' } }])
      const ref = { type: 'ref/prompt', name: 'greet' } as const
      const { completion } = await client.complete({ ref, argument: { name: 'name', value: 'A' } })
      expect(completion.values).toEqual(['Ada', 'Alan'])
    })

    test('is told a failing tool from a refused call', async () => {
      expect(await said(callTool(client, 'ask', { kind: 'nonsense' }))).toMatchObject({ isError: true })
      expect((await refusal(callTool(client, 'no such tool'))).message).toContain('Unknown tool: no such tool')
      const missing = await refusal(client.readResource({ uri: 'echo://nothing' }))
      // Each era has its own code for what is not there; SDK 2 tells its user that of the newer one.
      expect(missing.code).toBe(client instanceof OldClient ? -32002 : -32602)
    })

    test('follows the progress of a call', async () => {
      const told: Told[] = []
      const onprogress = (one: Told): void => void told.push(one)
      expect(await text(callTool(client, 'slow', { ms: 60, steps: 3 }, { onprogress }))).toBe('done after 60 ms')
      expect(told.slice(0, 2)).toMatchObject([
        { progress: 1, total: 3 },
        { progress: 2, total: 3 },
      ])
    })

    test('cancels a call, and the server knows', async () => {
      const count = async (): Promise<number> =>
        (JSON.parse(await text(callTool(keeping, 'cancelled'))) as { count: number }).count
      const before = await count()
      const abort = new AbortController()
      let isRunning = false
      const slow = callTool(
        keeping,
        'slow',
        { ms: 20_000, steps: 400 },
        { signal: abort.signal, onprogress: () => (isRunning = true) },
      )
      slow.catch(() => undefined)
      await eventually('progress', () => isRunning)
      abort.abort()
      await expect(slow).rejects.toThrow(/abort/i)
      await eventually('the cancellation to arrive', async () => (await count()) === before + 1)
    })

    const questions = [
      { kind: 'elicitation', answer: elicited },
      { kind: 'sampling', answer: sampled },
      { kind: 'roots', answer: roots },
    ]
    test.each(questions)('answers a question: $kind', async ({ kind, answer }) => {
      expect(JSON.parse(await text(callTool(client, 'ask', { kind })))).toMatchObject(answer)
    })
  })
})

describe.each([{ server: 'everything-legacy' }, { server: 'everything-modern' }, { server: 'everything-dual' }])(
  'in front of $server',
  ({ server }) => {
    const front = inFrontOf(fixture(`${server}.mjs`).slice(1))

    describe.each(clients)('$name', ({ connect }) => {
      let client: Either
      beforeAll(async () => {
        client = await connect(front.url())
      })
      afterAll(() => client.close())

      test('gets content of every kind, resources and prompts', async () => {
        expect((await client.listTools()).tools.length).toBeGreaterThan(10)
        expect(await text(callTool(client, 'test_simple_text'))).toContain('simple text')
        const mixed = (await callTool(client, 'test_multiple_content_types')) as {
          content: ReadonlyArray<{ type: string }>
        }
        expect(mixed.content.map(({ type }) => type)).toEqual(['text', 'image', 'resource'])
        const read = await client.readResource({ uri: 'test://template/7/data' })
        expect(read.contents).toMatchObject([{ mimeType: 'application/json' }])
        const { prompts } = await client.listPrompts()
        const prompt = await client.getPrompt({ name: prompts[0]?.name ?? '' })
        expect(prompt.messages.length).toBeGreaterThan(0)
      })

      test('is asked by the tools that ask', async () => {
        expect(await text(callTool(client, 'test_sampling', { prompt: 'Capital?' }))).toBe('LLM response: Paris')
        expect(await text(callTool(client, 'test_elicitation', { message: 'Who?' }))).toContain('"name":"Ada"')
      })
    })
  },
)

describe('in front of a stateless server that asks its callers', () => {
  const front = inFrontOf([fileURLToPath(new URL('undeclared-input-requests.mjs', import.meta.url))])

  test.each(clients.filter(({ era }) => era === 'legacy'))(
    '$name is asked again and again, but not for ever',
    async ({ connect }) => {
      const client = await connect(front.url())
      const { data, code } = await refusal(callTool(client, 'ask'))
      expect({ data, code }).toMatchObject({ code: -32603, data: { reason: 'too_many_rounds' } })
      await client.close()
    },
  )
})
