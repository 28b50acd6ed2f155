import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Server as OldServer } from '@modelcontextprotocol/sdk/server/index.js'
import { Server as NewServer } from '@modelcontextprotocol/server'
import { expect, test } from 'vitest'
import { systemClock } from '../../base/clock.ts'
import type { JsonObject } from '../../base/json.ts'
import { ModuleResources } from '../../shared-resources/module-resources.ts'
import { callScopes } from '../../use-call/call-scope.ts'
import type { ToolCall } from '../../use-call/tool-call.ts'
import { LocalObject, wordsOf } from './local-object.ts'
import type { CallerFacts, ToolSessions } from './object-host.ts'
import { StateChanges } from './state-changes.ts'

const facts: CallerFacts = {
  tenant: '',
  subject: '',
  session: 's',
  revision: '2025-11-25',
  capabilities: {},
  info: undefined,
}

const sessions: ToolSessions = {
  read: async () => ({ values: {}, version: 0, maxBytes: 1000 }),
  replace: async () => 'stored',
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
    changes: new StateChanges(sessions, systemClock),
    clock: systemClock,
    resources: new ModuleResources(systemClock, (run) => run()),
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
      changes: new StateChanges(sessions, systemClock),
      clock: systemClock,
      resources: new ModuleResources(systemClock, (run) => run()),
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

/** An object whose server answers no request, and calls `handled` in the scope of each message. */
function silentObject(handled: () => void): LocalObject {
  return new LocalObject({
    factory: () => ({
      async connect(transport: Transport) {
        Object.assign(transport, { onmessage: handled })
        await transport.start()
      },
    }),
    listener: { message() {}, ended() {}, complained() {} },
    owner: facts,
    sessions,
    changes: new StateChanges(sessions, systemClock),
    clock: systemClock,
    resources: new ModuleResources(systemClock, (run) => run()),
    made: new WeakSet(),
  })
}

test('nothing is kept of a call that was cancelled, which the SDKs do not answer', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const object = silentObject(() => {})
  await setImmediate()
  const kept: Array<WeakRef<CallerFacts>> = []
  const callAndCancel = (id: number): void => {
    const own = { ...facts }
    kept.push(new WeakRef(own))
    object.send(`{"jsonrpc":"2.0","id":${id},"method":"tools/list"}`, own)
    if (id > 1)
      object.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`, undefined)
  }
  for (let id = 1; id <= 20; id++) callAndCancel(id)
  await setImmediate()
  collect()
  expect(kept.map((one) => one.deref() !== undefined)).toEqual([true, ...Array.from({ length: 19 }, () => false)])
  await object.close()
})

test.each(['cancelled', 'closed'])(
  'listeners of the signal run in the scope of their call when it is %s',
  async (how) => {
    const scopes: unknown[] = []
    const scopeOf = (): unknown => callScopes().getStore()?.call
    const object = silentObject(() => {
      const call = callScopes().getStore()?.call
      call?.signal.addEventListener('abort', () => scopes.push(call, scopeOf()))
    })
    object.send('{"jsonrpc":"2.0","id":1,"method":"tools/list"}', facts)
    await setImmediate()
    if (how === 'closed') await object.close()
    else object.send('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}', undefined)
    expect(scopes[0]).toBeDefined()
    expect(scopes[1]).toBe(scopes[0])
    await object.close()
  },
)

test('the words of an error are a text, whatever was thrown', () => {
  const nasty = {
    toString() {
      throw new Error('nasty')
    },
  }
  const error = new Error('x')
  Object.defineProperty(error, 'stack', { get: () => nasty })
  for (const thrown of [Object.create(null), nasty, error, null, undefined, Symbol('x'), 1n])
    expect(typeof wordsOf(thrown)).toBe('string')
})

test.each([
  ['closed', ['begun', 'at its end']],
  ['killed', []],
])('what a handler has begun to store when its object is %s', async (how, expected) => {
  let values: JsonObject = {}
  const slow: ToolSessions = {
    ...sessions,
    async read() {
      await setImmediate()
      return { values, version: 0, maxBytes: 1000 }
    },
    async replace(_facts, changed) {
      await setImmediate()
      values = changed
      return 'stored'
    },
  }
  const { object, call } = await handling(slow)
  const results: Array<Promise<string>> = []
  const store = (key: string): void => {
    const stored = call.session?.set(key, 1) ?? Promise.reject(new Error('no session'))
    results.push(
      stored.then(
        () => 'stored',
        (error: Error) => error.message,
      ),
    )
  }
  call.signal.addEventListener('abort', () => store('at its end'))
  store('begun')
  if (how === 'killed') object.kill()
  await object.close()
  await setImmediate()
  store('too late')
  const ended = 'session: the server object of this handler has ended'
  const outcome = how === 'closed' ? 'stored' : ended
  expect(await Promise.all(results)).toEqual([outcome, outcome, ended])
  expect(Object.keys(values)).toEqual(expected)
})

/** An object that works on a call. */
async function handling(of: ToolSessions): Promise<{ object: LocalObject; call: ToolCall }> {
  let began: (call: ToolCall | undefined) => void = () => {}
  const begun = new Promise<ToolCall | undefined>((resolve) => (began = resolve))
  const object = new LocalObject({
    factory: () => ({
      async connect(transport: Transport) {
        Object.assign(transport, { onmessage: () => began(callScopes().getStore()?.call) })
        await transport.start()
      },
    }),
    listener: { message() {}, ended() {}, complained() {} },
    owner: facts,
    sessions: of,
    changes: new StateChanges(of, systemClock),
    clock: systemClock,
    resources: new ModuleResources(systemClock, (run) => run()),
    made: new WeakSet(),
  })
  object.send('{"jsonrpc":"2.0","id":1,"method":"tools/call"}', facts)
  const call = await begun
  if (!call) throw new Error('no call')
  return { object, call }
}
