/** Answers that are not read, or that have to wait for another one. */
import { join } from 'node:path'
import { test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type RawClient, rawClient, requestBytes } from '../support/raw-http.ts'
import { openH2 } from '../support/h2.ts'
import { openSession, type Session } from '../support/session.ts'
import { expectBounded } from './attack.ts'
import { startTarget, type Target } from './target.ts'

const mebibyte = 1024 ** 2
const timeout = 90_000
const unruly = join(import.meta.dirname, 'greedy-legacy.mjs')
const accept = 'application/json, text/event-stream'
const shared = { options: ['--mode', 'shared'], env: { MCPLEX_SESSIONS__RETENTION: '1s' } }

const portOf = (target: Target): number => Number(new URL(target.origin).port)

function callBody(session: Session, tool: string, args: object): string {
  const id = session.nextId()
  const params = { name: tool, arguments: args, _meta: { progressToken: id } }
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params })
}

/** A call of a tool as the bytes of a request. */
function callBytes(session: Session, tool: string, args: object): string {
  const body = callBody(session, tool, args)
  return requestBytes('POST /mcp', { ...session.headers, 'Content-Type': 'application/json', Accept: accept }, body)
}

const openStream = (session: Session): string =>
  requestBytes('GET /mcp', { ...session.headers, Accept: 'text/event-stream' })

/** Waits until calls have begun, and none is left but that of a bystander. */
async function callsAreOver(target: Target): Promise<void> {
  const calls = async (): Promise<number> => {
    const { counts } = (await (await fetch(`${target.origin}/health`)).json()) as { counts: { calls: number } }
    return counts.calls
  }
  await eventually('several calls', async () => (await calls()) > 2)
  await eventually('the end of all calls', async () => (await calls()) <= 1, timeout)
}

test('long answers that are asked for behind an event stream', { timeout }, async () => {
  const target = await startTarget(32, shared)
  await expectBounded(target, async (scale) => {
    const sessions = await Promise.all(Array.from({ length: 20 * scale }, () => openSession(target.url)))
    const clients = await Promise.all(
      sessions.map((session) => {
        const calls = Array.from({ length: 16 }, () => callBytes(session, 'big', { bytes: 4 * mebibyte }))
        return rawClient(portOf(target), openStream(session) + calls.join(''))
      }),
    )
    await eventually('the streams', () => clients.every((client) => client.received().includes('text/event-stream')))
    for (const session of sessions) await session.text('echo', { text: 'on another connection' })
    for (const client of clients) client.destroy()
    for (const session of sessions) await session.end()
  })
})

test('answers that are not read, on many connections', { timeout }, async () => {
  const target = await startTarget(32, shared)
  await expectBounded(target, async (scale) => {
    const sessions = await Promise.all(Array.from({ length: 20 * scale }, () => openSession(target.url)))
    const clients: RawClient[] = []
    for (let i = 0; i < 50 * scale; i++) {
      const client = await rawClient(portOf(target))
      client.socket.pause()
      const session = sessions[i % sessions.length]
      if (session) client.write(callBytes(session, 'big', { bytes: 3 * mebibyte }))
      clients.push(client)
    }
    await callsAreOver(target)
    for (const client of clients) client.destroy()
    for (const session of sessions) await session.end()
  })
})

test('answers that wait behind what was not read, on many streams of some connections', { timeout }, async () => {
  const target = await startTarget(32, { ...shared, server: [unruly] })
  await expectBounded(target, async (scale) => {
    const sessions = await Promise.all(Array.from({ length: Math.ceil(6 * scale) }, () => openSession(target.url)))
    const clients = await Promise.all(sessions.map(() => openH2(target.origin)))
    const answers = sessions.flatMap((session, at) =>
      Array.from({ length: 16 * scale }, () =>
        clients[at]?.post(callBody(session, 'later', { bytes: 3 * mebibyte }), session.headers, { unread: true }),
      ),
    )
    if (scale === 1) {
      const cut = (): number => answers.filter((answer) => answer?.code !== undefined).length
      await eventually('most of them cut', () => cut() > answers.length / 2, timeout)
    }
    for (const client of clients) client.destroy()
    for (const session of sessions) await session.end()
  })
})
