/** A merged endpoint over HTTP, with clients of both SDKs: what servers ask, announce and run as tasks finds its way. */
import { join } from 'node:path'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  ElicitRequestSchema,
  ResourceUpdatedNotificationSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { eventually } from '../support/eventually.ts'
import { startSeveral } from '../support/in-process.ts'
import { echoLegacy, echoModern } from '../support/mcplex.ts'

const info = { name: 'client', version: '1' }
const tasksOnly = join(import.meta.dirname, '..', 'journeys', 'tasks-only.mjs')
const accepted = { action: 'accept' as const, content: { answer: 'Ada' } }

type Servers = Parameters<typeof startSeveral>[0]

/** The endpoint of all these servers, once all of them are listed. */
async function start(servers: Servers, expected: readonly string[] = Object.keys(servers)): Promise<URL> {
  const url = new URL((await startSeveral(servers)).url)
  const client = await connectOld(url)
  await eventually('all servers are listed', async () => {
    const names = (await client.listTools()).tools.map(({ name }) => name)
    return expected.every((server) => names.some((name) => name.startsWith(`${server}__`)))
  })
  return url
}

async function connectOld(url: URL): Promise<OldClient> {
  const client = new OldClient(info, { capabilities: { elicitation: {} } })
  client.setRequestHandler(ElicitRequestSchema, () => accepted)
  await client.connect(new OldTransport(url))
  onTestFinished(() => client.close())
  return client
}

async function connectNew(url: URL): Promise<Client> {
  const client = new Client(info, { versionNegotiation: { mode: 'auto' }, capabilities: { elicitation: { form: {} } } })
  client.setRequestHandler('elicitation/create', () => accepted)
  await client.connect(new StreamableHTTPClientTransport(url))
  onTestFinished(() => client.close())
  return client
}

const shared = (...args: readonly string[]): Servers[string] => ({ args, stateless: 'shared' })
const ofCall = (...args: readonly string[]): Servers[string] => ({ args, stateless: 'call' })
const echo = (name: string, text: string) => ({ name: `${name}__echo`, arguments: { text } })

describe('what a server asks its client', () => {
  test.each([
    ['of SDK 1, with a session', { old: [echoLegacy], new: [echoModern] }, connectOld],
    ['of SDK 2, with a session', { old: [echoLegacy], new: [echoModern] }, connectNew],
    ['of SDK 2, without a session', { old: ofCall(echoLegacy), new: shared(echoModern) }, connectNew],
  ] as const)('%s', async (_, servers, connect) => {
    const client = await connect(await start(servers))
    for (const name of ['old', 'new']) {
      const result = await client.callTool({
        name: `${name}__ask`,
        arguments: { kind: 'elicitation', message: 'Who?' },
      })
      expect(result).toMatchObject({ content: [{ text: expect.stringContaining('"action":"accept"') as string }] })
    }
  })
})

test('a client without a session gets the result of a tool that its server runs as a task alone', async () => {
  const client = await connectNew(await start({ tasks: shared(tasksOnly), echo: shared(echoModern) }))
  expect(await client.callTool({ name: 'tasks__long', arguments: { steps: 3 } })).toMatchObject({
    content: [{ text: 'done' }],
  })
})

test('a session hears of the resources that it subscribed to, and once of lists that change together', async () => {
  const client = await connectOld(await start({ old: [echoLegacy], new: [echoModern] }))
  const updated: string[] = []
  let changes = 0
  client.setNotificationHandler(ResourceUpdatedNotificationSchema, ({ params }) => void updated.push(params.uri))
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void changes++)
  for (const name of ['old', 'new']) await client.subscribeResource({ uri: `mcplex://${name}/echo://nonce` })
  for (const name of ['old', 'new']) {
    await client.callTool({ name: `${name}__update`, arguments: { uri: 'echo://calls' } })
    await client.callTool({ name: `${name}__update`, arguments: { uri: 'echo://nonce' } })
  }
  await eventually('both resources', () => updated.length === 2)
  expect(updated).toEqual(['mcplex://old/echo://nonce', 'mcplex://new/echo://nonce'])
  await client.unsubscribeResource({ uri: 'mcplex://old/echo://nonce' })
  await client.callTool({ name: 'old__update', arguments: { uri: 'echo://nonce' } })
  await Promise.all(['old', 'new'].map((name) => client.callTool({ name: `${name}__touch-list`, arguments: {} })))
  await eventually('the lists have changed', () => changes > 0)
  const { tools } = await client.listTools()
  expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(['old__added_1', 'new__added_1']))
  expect(changes).toBeLessThanOrEqual(2)
  expect(updated).toHaveLength(2)
})

test('a closed gateway asks for no missing server any more', async () => {
  let timers = 0
  const clock: Clock = { ...systemClock, after: (ms, task) => (timers++, systemClock.after(ms, task)) }
  const gateway = await startSeveral({ good: [echoLegacy], dead: [echoLegacy, '--start-fail'] }, {}, { clock })
  const client = await connectOld(new URL(gateway.url))
  await eventually('a list without the dead one', async () => {
    const { tools, _meta: meta } = await client.listTools()
    return tools.length > 0 && meta?.['mcplex/missing'] !== undefined
  })
  await gateway.end()
  const before = timers
  // The first pause is 1 s.
  await new Promise((resolve) => setTimeout(resolve, 2500))
  expect(timers).toBe(before)
})

test('of ten servers one hangs, one cannot be started, one crashes and one floods: the others answer as before', async () => {
  const good = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => [name, [echoLegacy]] as const)
  const servers = {
    hanging: { args: [echoLegacy, '--no-answer'] },
    dead: [echoLegacy, '--start-fail'],
    crashing: [echoLegacy],
    flooding: [echoLegacy],
    ...Object.fromEntries(good),
  }
  const url = await start(servers, ['crashing', 'flooding', ...good.map(([name]) => name)])
  const [client, other, third] = [await connectOld(url), await connectNew(url), await connectOld(url)]
  expect(client.getInstructions()).toMatch(/# hanging\n\nThis server is missing/)
  expect((await client.listTools())._meta).toMatchObject({
    'mcplex/missing': expect.arrayContaining([
      { upstream: 'hanging', reason: expect.any(String) as string },
      { upstream: 'dead', reason: expect.any(String) as string },
    ]) as unknown,
  })
  const flood = third.callTool({ name: 'flooding__notify', arguments: { count: 20_000, bytes: 200, kind: 'log' } })
  const crash = third.callTool({ name: 'crashing__crash', arguments: {} }).catch((error: unknown) => error)
  for (const [name] of good) {
    for (const one of [client, other])
      expect(await one.callTool(echo(name, name))).toMatchObject({ content: [{ text: name }] })
  }
  expect(await crash).toMatchObject({ code: -32603 })
  expect(await flood).toMatchObject({ content: [{ text: 'sent 20000' }] })
  expect(await client.callTool(echo('crashing', 'again'))).toMatchObject({ content: [{ text: 'again' }] })
})
