import { Server as OldServer } from '@modelcontextprotocol/sdk/server/index.js'
import { Server as NewServer } from '@modelcontextprotocol/server'
import { expect, test } from 'vitest'
import { systemClock } from '../../base/clock.ts'
import { callScopes } from '../../use-call/call-scope.ts'
import { LocalObject } from './local-object.ts'
import type { CallerFacts, ToolSessions } from './object-host.ts'

const facts: CallerFacts = {
  tenant: '',
  subject: '',
  session: 's',
  revision: '2025-11-25',
  capabilities: {},
  info: undefined,
}

const sessions: ToolSessions = {
  read: async () => ({ values: {}, version: 0 }),
  replace: async () => true,
  history: () => [],
}

interface Transport {
  start(): Promise<void>
  send(message: object): Promise<void>
}

test('a message is handled in the scope of its call, and what it makes mcplex do is not', async () => {
  const scopes: unknown[] = []
  let answer: (text: string) => void = () => {}
  const answered = new Promise<string>((resolve) => (answer = resolve))
  const object = new LocalObject({
    factory: () => ({
      async connect(transport: Transport) {
        const onmessage = ({ id }: { id: number }): void => {
          scopes.push(callScopes().getStore()?.call?.session?.id)
          void transport.send({ jsonrpc: '2.0', id, result: {} })
        }
        Object.assign(transport, { onmessage })
        await transport.start()
      },
    }),
    listener: {
      message(text) {
        scopes.push(callScopes().getStore())
        answer(text)
      },
      ended: ({ what }) => answer(what),
      complained: ({ what }) => answer(what),
    },
    owner: facts,
    sessions,
    clock: systemClock,
    made: new WeakSet(),
  })
  object.send('{"jsonrpc":"2.0","id":1,"method":"tools/list"}', facts)
  expect(await answered).toBe('{"jsonrpc":"2.0","id":1,"result":{}}')
  expect(scopes).toEqual(['s', undefined])
  await object.close()
})

const info = { name: 'test', version: '1' }
const initialize = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: info },
})

test.each([
  { major: 1, create: () => new OldServer(info) },
  { major: 2, create: () => new NewServer(info) },
])('a server object of SDK $major is told once that it is closed, by mcplex or by itself', async ({ create }) => {
  for (const closes of ['mcplex', 'itself']) {
    const server = create()
    let told = 0
    Object.assign(server, { onclose: () => void told++ })
    let answer: (text: string) => void = () => {}
    const answered = new Promise<string>((resolve) => (answer = resolve))
    const object = new LocalObject({
      factory: () => server,
      listener: { message: answer, ended: () => {}, complained: ({ what }) => answer(what) },
      owner: facts,
      sessions,
      clock: systemClock,
      made: new WeakSet(),
    })
    object.send(initialize, facts)
    expect(await answered).toContain('"result"')
    await (closes === 'itself' ? server.close() : object.close())
    expect(told).toBe(1)
    await expect(server.ping()).rejects.toThrow(/not connected/i)
    await object.close()
    expect(told).toBe(1)
  }
})
