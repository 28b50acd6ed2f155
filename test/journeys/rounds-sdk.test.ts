/** The official client of the session-based era in front of an official server of the stateless one, which asks it. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  type ClientCapabilities,
  CreateMessageRequestSchema,
  type ElicitRequest,
  ElicitRequestSchema,
  type ElicitResult,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { fixture } from '../support/typed-command.ts'

let mcplex: Mcplex
beforeAll(async () => {
  mcplex = await startMcplex({ server: fixture('everything-modern.mjs').slice(1), options: ['--log-level', 'warn'] })
})
afterAll(() => mcplex.end())

const open: Client[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client.close()))
})

const everything: ClientCapabilities = {
  elicitation: { form: {}, url: {} },
  sampling: {},
  roots: { listChanged: true },
}

/** A person who fills in a form: a name, a color, a yes. */
function fillIn({ params }: ElicitRequest): ElicitResult {
  const { properties } = 'requestedSchema' in params ? params.requestedSchema : { properties: {} }
  const values = { name: 'Ada', color: 'green', ok: true, context: 'brief' }
  const content = Object.fromEntries(Object.entries(values).filter(([key]) => Object.hasOwn(properties, key)))
  return { action: 'accept', content }
}

async function connect(capabilities: ClientCapabilities = everything, person = fillIn): Promise<Client> {
  const client = new Client({ name: 'rounds', version: '1' }, { capabilities })
  if (capabilities.elicitation) client.setRequestHandler(ElicitRequestSchema, person)
  if (capabilities.sampling) {
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => {
      const asked = JSON.stringify(params.messages)
      const text = asked.includes('greeting') ? 'Good day' : 'Paris'
      return { role: 'assistant', model: 'test', content: { type: 'text', text } }
    })
  }
  if (capabilities.roots) {
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///home/ada' }] }))
  }
  await client.connect(new StreamableHTTPClientTransport(new URL(mcplex.url)))
  open.push(client)
  return client
}

async function call(client: Client, name: string): Promise<{ text: string; isError: boolean }> {
  const { content, isError } = await client.callTool({ name, arguments: {} })
  const [first] = content as ReadonlyArray<{ text?: string }>
  return { text: first?.text ?? '', isError: isError === true }
}

test.each([
  ['test_input_required_result_elicitation', 'Hello, Ada!'],
  ['test_streaming_elicitation', 'Hello, Ada!'],
  ['test_input_required_result_sampling', 'Paris'],
  ['test_input_required_result_list_roots', 'Roots: file:///home/ada'],
  ['test_input_required_result_multiple_inputs', 'Good day Ada, 1 roots'],
  ['test_input_required_result_capabilities', 'Answered: user_name, capital_question, client_roots'],
  ['test_input_required_result_request_state', 'state-ok'],
  ['test_input_required_result_multi_round', 'Ada likes green'],
])('%s is answered', async (name, text) => {
  expect(await call(await connect(), name)).toEqual({ text, isError: false })
})

test('a prompt that asks is answered', async () => {
  const client = await connect()
  const { messages } = await client.getPrompt({ name: 'test_input_required_result_prompt' })
  expect(messages).toMatchObject([{ content: { text: 'Use this context: brief' } }])
})

test('a server is told what this client has, and asks for no more', async () => {
  const client = await connect({ roots: {} })
  const name = 'test_input_required_result_capabilities'
  expect(await call(client, name)).toEqual({ text: 'Answered: client_roots', isError: false })
  await expect(call(client, 'test_missing_capability')).rejects.toMatchObject({
    code: -32602,
    data: { requiredCapabilities: { sampling: {} } },
  })
  await expect(call(client, 'test_input_required_result_sampling')).rejects.toMatchObject({ code: -32602 })
})

test('a person who declines, and one who fails', async () => {
  const declines = await connect(everything, () => ({ action: 'decline' }))
  const { text } = await call(declines, 'test_elicitation_sep1034_defaults')
  expect(text).toContain('action=decline')
  const fails = await connect(everything, () => {
    throw new Error('no person here')
  })
  expect((await call(fails, 'test_elicitation_sep1034_defaults')).text).toContain('action=cancel')
})

test('clients who are asked at the same time get their own questions', async () => {
  const said = await Promise.all(
    Array.from({ length: 10 }, async (_, at) => {
      const client = await connect(everything, () => ({ action: 'accept', content: { name: `client ${at}` } }))
      return (await call(client, 'test_input_required_result_elicitation')).text
    }),
  )
  expect(said).toEqual(Array.from({ length: 10 }, (_, at) => `Hello, client ${at}!`))
})
