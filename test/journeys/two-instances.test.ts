/** One session, served by several instances on one backplane: what one of them stores or sees counts for all. */
import { expect, onTestFinished, test } from 'vitest'
import { createMemoryBackplane } from '../../src/backplane/memory.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { Backplane } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { send } from '../support/http.ts'
import { type InProcess, startForTest } from '../support/in-process.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { type JsonMap, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'

/** A store that outlives each of its instances. */
function sharedStore(): Backplane {
  const memory = createMemoryBackplane({ clock: systemClock })
  onTestFinished(() => memory.close())
  return { ...memory, close: async () => undefined }
}

async function instances(count: number, sessions: JsonMap = {}): Promise<InProcess[]> {
  const backplane = sharedStore()
  return Promise.all(Array.from({ length: count }, () => startForTest([echoLegacy], { sessions }, { backplane })))
}

/** Sends a request or notification of a session to an instance. */
async function sendTo({ url }: InProcess, session: Session, message: JsonMap): Promise<RpcMessage | undefined> {
  const answered = await send(url, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      ...session.headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  })
  const { id } = message
  if (typeof id === 'number') return responseTo(answered, id)
  expect(answered.status).toBe(202)
  return undefined
}

/** Has an instance find the session, without completing its handshake. */
async function loadedBy(instance: InProcess, session: Session): Promise<void> {
  await sendTo(instance, session, { method: 'notifications/cancelled', params: { requestId: 999 } })
}

/** The reasons with which an instance ended sessions. */
function endsOf({ gateway }: InProcess): string[] {
  const ends: string[] = []
  gateway.events.on('sessionEnded', ({ reason }) => ends.push(reason))
  return ends
}

test('what one instance stores of a session is kept when another one, which found it before, stores more', async () => {
  const [one, other, third] = await instances(3)
  if (!one || !other || !third) throw new Error('three instances were started')
  const session = await openSession(one.url, { unfinished: true })
  await loadedBy(other, session)
  await session.notify('notifications/initialized')
  expect(await session.request('resources/subscribe', { uri: 'test://one' })).toMatchObject({ result: {} })
  const level = { id: 50, method: 'logging/setLevel', params: { level: 'warning' } }
  expect(await sendTo(other, session, level)).toMatchObject({ result: {} })
  const add = { id: 51, method: 'resources/subscribe', params: { uri: 'test://two' } }
  expect(await sendTo(other, session, add)).toMatchObject({ result: {} })
  const ask = { id: 52, method: 'tools/call', params: { name: 'whoami', arguments: {} } }
  const answer = await sendTo(third, session, ask)
  expect(JSON.parse(textOf(answer ?? {}))).toMatchObject({
    level: 'warning',
    subscribed: ['test://one', 'test://two'],
  })
})

test('an instance does not end a session as unfinished whose handshake another one has completed', async () => {
  const [one, other] = await instances(2, { handshakeTimeoutMs: 400 })
  if (!one || !other) throw new Error('two instances were started')
  const session = await openSession(one.url, { unfinished: true })
  await loadedBy(other, session)
  const ends = endsOf(other)
  await session.notify('notifications/initialized')
  await openSession(other.url, { unfinished: true })
  await eventually('the other instance ends an unfinished session', () => ends.length > 0)
  expect(ends).toEqual(['no_handshake'])
  const ping = { id: 60, method: 'ping' }
  for (const instance of [one, other]) expect(await sendTo(instance, session, ping)).toMatchObject({ result: {} })
})

test('an instance does not end a session as idle whose client speaks to another one', async () => {
  const [one, other] = await instances(2, { idleTimeoutMs: 700 })
  if (!one || !other) throw new Error('two instances were started')
  const session = await openSession(one.url)
  await loadedBy(other, session)
  const ends = endsOf(other)
  await openSession(other.url)
  await eventually('the other instance ends an idle session', async () => {
    expect(await session.request('ping')).toMatchObject({ result: {} })
    return ends.length > 0
  })
  expect(await sendTo(other, session, { id: 70, method: 'ping' })).toMatchObject({ result: {} })
  expect(ends).toEqual(['idle'])
})
