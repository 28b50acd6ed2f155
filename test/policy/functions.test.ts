/** A program's own policy: two functions that pass, change and refuse calls and their results, for clients of both eras. */
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { CallPolicy, PolicyCall } from '../../src/index.ts'
import { type InProcess, startInProcess } from '../support/in-process.ts'
import { reasonOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { ask, toolResponse } from '../support/stateless.ts'

const servers = { legacy: 'echo-legacy.mjs', modern: 'echo-modern.mjs' } as const
const asked: PolicyCall[] = []
let policy: CallPolicy = {}

describe.each(Object.entries(servers))('in front of a server of the era %s', (_era, file) => {
  let gateway: InProcess
  let session: Session
  beforeAll(async () => {
    const current: CallPolicy = {
      before: (call, signal) => {
        asked.push(call)
        return policy.before ? policy.before(call, signal) : { decision: 'pass' }
      },
      after: (call, result, signal) => (policy.after ? policy.after(call, result, signal) : { decision: 'pass' }),
    }
    const server = join(import.meta.dirname, '..', 'fixtures', file)
    gateway = await startInProcess([server], { upstream: { stateless: 'principal' } }, { policy: current })
    session = await openSession(gateway.url)
  })
  afterAll(() => gateway?.end())
  beforeEach(() => {
    policy = {}
    asked.splice(0)
  })

  /** The same call, by a client of each era. */
  const byBoth = async (tool: string, args: Record<string, unknown>): Promise<RpcMessage[]> => [
    await session.response(tool, args),
    await toolResponse(gateway.url, tool, args),
  ]

  test('a call that it passes runs as it came', async () => {
    for (const answer of await byBoth('echo', { text: 'hello' })) expect(textOf(answer)).toBe('hello')
    expect(asked).toHaveLength(2)
    const seen = { method: 'tools/call', name: 'echo', arguments: { text: 'hello' }, upstream: 'server' }
    for (const call of asked) expect(call).toMatchObject({ ...seen, tenant: 'default', client: 'journey', round: 0 })
    expect(new Set(asked.map(({ id }) => id)).size).toBe(2)
  })

  test('it puts arguments in the place of those of the client', async () => {
    policy = { before: ({ arguments: args }) => ({ decision: 'pass', arguments: { ...args, text: 'masked' } }) }
    for (const answer of await byBoth('echo', { text: 'my number is 1234' })) expect(textOf(answer)).toBe('masked')
  })

  test('it refuses a call, which does not run, with a reason on one line', async () => {
    policy = { before: () => ({ decision: 'refuse', reason: `not\r\ntoday\u202e${'.'.repeat(1000)}` }) }
    for (const answer of await byBoth('remember', { key: 'a', value: 'b' })) {
      expect(answer.error?.data).toMatchObject({ reason: 'policy_refused', executed: false })
      expect(answer.error?.message).toMatch(/^not today \.{490}$/)
    }
    policy = {}
    expect(await session.text('recall', { key: 'a' })).toBe('')
  })

  test('it puts a result in the place of that of the server', async () => {
    const content = [{ type: 'text', text: 'withheld in part' }]
    policy = { after: (_call, result) => ({ decision: 'pass', result: { ...result, content } }) }
    for (const answer of await byBoth('echo', { text: 'x' })) expect(textOf(answer)).toBe('withheld in part')
    policy = { after: () => ({ decision: 'pass', result: { content: content.map((one) => ({ ...one })) } }) }
    for (const answer of await byBoth('echo', { text: 'x' })) expect(textOf(answer)).toBe('withheld in part')
  })

  test('a result that it refuses is not told, and the client knows that the call has run', async () => {
    policy = { after: () => ({ decision: 'refuse', reason: 'it has a secret in it' }) }
    for (const answer of await byBoth('echo', { text: 'secret' })) {
      expect(answer.error?.data).toMatchObject({ reason: 'policy_refused', executed: true })
      expect(JSON.stringify(answer)).not.toContain('"secret"')
    }
  })

  test.each<readonly [what: string, broken: CallPolicy]>([
    ['throws', { before: () => assertNever('threw') }],
    ['rejects', { before: async () => assertNever('rejected') }],
    // What a program without types may answer.
    ['says nothing', { before: () => undefined as never }],
    ['says something else', { before: () => ({ decision: 'maybe' }) as never }],
    ['refuses without a reason', { before: () => ({ decision: 'refuse' }) as never }],
    ['gives a list as arguments', { before: () => ({ decision: 'pass', arguments: [1] }) as never }],
  ])('if it %s, the call is refused', async (_what, broken) => {
    policy = broken
    for (const answer of await byBoth('echo', { text: 'x' })) {
      expect(reasonOf(answer)).toBe('policy_unavailable')
      expect(JSON.stringify(answer)).not.toMatch(/threw|rejected|TypeError/)
    }
  })

  test('it decides on prompts and resources, and never on lists', async () => {
    policy = { before: ({ name }) => ({ decision: 'refuse', reason: `no ${name}` }) }
    const [prompt, resource] = [{ name: 'greet', arguments: { name: 'Ann' } }, { uri: 'echo://nonce' }]
    expect((await session.request('prompts/get', prompt)).error?.message).toBe('no greet')
    expect((await session.request('resources/read', resource)).error?.message).toBe('no echo://nonce')
    expect((await ask(gateway.url, 'tools/list')).status).toBe(200)
    expect((await session.request('tools/list')).result?.['tools']).not.toHaveLength(0)
    expect(asked.map(({ method }) => method)).toEqual(['prompts/get', 'resources/read'])
    policy = { before: () => ({ decision: 'pass', arguments: {} }) }
    expect(reasonOf(await session.request('resources/read', resource))).toBe('policy_unavailable')
  })

  test('what it is given is frozen: a change in its place would change nothing', async () => {
    policy = { before: ({ arguments: args }) => (Object.assign(args, { text: 'other' }), { decision: 'pass' }) }
    for (const answer of await byBoth('echo', { text: 'x' })) expect(reasonOf(answer)).toBe('policy_unavailable')
    policy = {
      after: (_call, result) => {
        Object.assign((result['content'] as object[])[0] ?? {}, { text: '***' })
        return { decision: 'pass' }
      },
    }
    for (const answer of await byBoth('echo', { text: 'x' })) expect(reasonOf(answer)).toBe('policy_unavailable')
  })

  test.each([
    ['Name', '{"name":"echo","Name":"remember","arguments":{"text":"x"}}'],
    ['ARGUMENTS', '{"name":"echo","arguments":{"text":"x"},"ARGUMENTS":{"text":"y"}}'],
    ['a key twice', '{"name":"echo","arguments":{"text":"x","text":"y"}}'],
    ['a key twice, deep', '{"name":"echo","arguments":{"text":"x","list":[{"a":1,"\\u0061":2}]}}'],
  ])('a call that two programs read as two calls is refused: %s', async (_what, params) => {
    const id = session.nextId()
    const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`
    const answered = await session.post({}, { body })
    expect((await responseTo(answered, id)).error?.code).toBe(-32602)
    expect(asked).toHaveLength(0)
  })

  test('it is told when the client has gone', async () => {
    const gone = new Promise<void>((resolve) => {
      policy = {
        before: (_call, signal) =>
          new Promise((_, reject) =>
            signal.addEventListener('abort', () => {
              resolve()
              reject(new Error('gone'))
            }),
          ),
      }
    })
    const id = session.nextId()
    const answered = session.call('echo', { text: 'x' }, { id })
    while (asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await session.notify('notifications/cancelled', { requestId: id })
    await gone
    await answered
    policy = {}
    expect(await session.text('echo', { text: 'still there' })).toBe('still there')
  })
})

test('calls pass without a decision only if it says so', async () => {
  const server = join(import.meta.dirname, '..', 'fixtures', servers.legacy)
  const broken: CallPolicy = { failClosed: false, before: () => assertNever('dead'), after: () => assertNever('dead') }
  const gateway = await startInProcess([server], {}, { policy: broken })
  const decided: string[] = []
  gateway.gateway.events.on('policyDecision', ({ phase, result }) => decided.push(`${phase} ${result}`))
  const session = await openSession(gateway.url)
  expect(await session.text('echo', { text: 'x' })).toBe('x')
  expect(decided).toEqual(['before failed', 'after failed'])
  await gateway.end()
})

function assertNever(what: string): never {
  throw new Error(what)
}
