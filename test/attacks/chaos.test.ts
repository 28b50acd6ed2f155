/**
 * Clients of both eras that call, cut, cancel, end, resume and crash the server in any order: no answer goes astray,
 * no error goes uncaught (vitest would fail), and afterwards nothing is left.
 */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startForTest } from '../support/in-process.ts'
import { messagesOf } from '../support/rpc.ts'
import { randomFrom } from '../support/random.ts'
import { openSession, type Session } from '../support/session.ts'
import { ask, callTool } from '../support/stateless.ts'

const hostile = join(import.meta.dirname, 'hostile-server.mjs')

const clients = 16
const steps = 16

test.each(['session', 'principal', 'shared', 'call'] as const)(
  'in mode %s nothing is left of chaos',
  async (mode) => {
    const numbers = randomFrom(mode.length)
    const random = (below: number): number => Math.floor(numbers() * below)
    const errors: unknown[] = []
    const log = { debug() {}, info() {}, warn() {}, error: (fields: object) => void errors.push(fields) }
    const one = await startForTest(
      [hostile],
      {
        upstream: {
          mode,
          stateless: 'principal',
          pool: 6,
          spares: 1,
          evictIdleMs: 1,
          callIdleMs: 2_000,
          callTotalMs: 4_000,
        },
        limits: { maxConnections: 24, queue: 40, queueWaitMs: 500 },
        // Its clients leave questions unanswered: a call that waits for an answer is none that hangs.
        sessions: { idleTimeoutMs: 60_000, answerTimeoutMs: 2_000 },
      },
      { log },
    )
    let nonces = 0
    const stray: string[] = []
    const own = async (nonce: string, answered: Awaited<ReturnType<Session['call']>>): Promise<void> => {
      await answered.over
      // What a session's own process says of one call may reach another call of that session, and no other session.
      for (const [other] of answered.text.matchAll(/owner-[\w-]+:/g)) {
        if (!nonce.startsWith(other)) stray.push(`${nonce} ${other}`)
      }
    }
    const cutSoon = (): AbortSignal => AbortSignal.timeout(random(60))

    const stateless = async (): Promise<void> => {
      const nonce = `owner-${++nonces}:`
      const cut = random(3) === 0 ? { signal: cutSoon() } : {}
      const tool = ['say', 'mutter', 'crash', 'hang', 'slow', 'twice'][random(6)] ?? 'say'
      if (random(5) === 0) {
        const listen = { notifications: { toolsListChanged: true, resourceSubscriptions: ['test://1'] } }
        await ask(one.url, 'subscriptions/listen', listen, { signal: cutSoon() }).then((answered) => answered.over)
      } else if (random(6) === 0) await ask(one.url, 'tools/list', {}, cut)
      else if (tool !== 'crash' || random(4) === 0) {
        await callTool(one.url, tool, { secret: nonce, text: nonce, ms: random(300) }, { id: 1, ...cut }).then(
          (answered) => own(nonce, answered),
        )
      }
    }
    const sessionful = async (session: Session): Promise<void> => {
      const nonce = `owner-${session.id}:${++nonces}`
      const cut = random(3) === 0 ? { signal: cutSoon() } : {}
      const args = { secret: nonce, text: nonce, ms: random(300), question: nonce, count: 20, bytes: 20_000 }
      const call = (tool: string): Promise<void> =>
        session.call(tool, args, { id: 1, progressToken: 1, ...cut }).then((answered) => own(nonce, answered))
      switch (random(14)) {
        case 0:
          return void (await session.listen(undefined, { signal: cutSoon() }).then((answered) => answered.over))
        case 1:
          return void (await session.notify('notifications/cancelled', { requestId: 1 }))
        case 2:
          return void (await session.request('resources/subscribe', { uri: `test://${random(3)}` }))
        case 3:
          return void (await session.request('resources/unsubscribe', { uri: `test://${random(3)}` }))
        case 4:
          return random(5) === 0 ? call('crash') : call('say')
        case 5:
          return call('hang')
        case 6:
          return call('answer-then-ask')
        case 7:
          return void (await session.request('logging/setLevel', { level: 'info' }))
        case 8:
          return call('flood')
        case 9: {
          const batch = [1, 1, 2].map((id) => ({
            jsonrpc: '2.0',
            id,
            method: 'tools/call',
            params: { name: id === 2 ? 'mutter' : 'say', arguments: args },
          }))
          const headers = { ...session.headers, 'Content-Type': 'application/json', Accept: '*/*' }
          const { send } = await import('../support/http.ts')
          return own(nonce, await send(one.url, { method: 'POST', headers, body: JSON.stringify(batch), ...cut }))
        }
        default:
          return call(['say', 'mutter', 'slow', 'twice'][random(4)] ?? 'say')
      }
    }
    const client = async (): Promise<void> => {
      let session: Session | undefined
      for (let step = 0; step < steps; step++) {
        const version = random(2) === 0 ? '2025-03-26' : '2025-11-25'
        try {
          if (random(4) === 0) await stateless()
          else if (session && random(8) === 0) {
            const ending = session
            const several = [sessionful(ending), ending.end(), sessionful(ending)]
            await Promise.allSettled(several)
            session = undefined
          } else if (session) await sessionful(session)
          else session = await openSession(one.url, { version, capabilities: random(2) === 0 ? { roots: {} } : {} })
        } catch {
          // Refused, or cut by itself: what counts is what is left.
        }
      }
      await session?.end()
    }
    await Promise.all(Array.from({ length: clients }, client))

    expect(stray).toEqual([])
    expect(errors).toEqual([])
    await eventually('nothing to be left', async () => {
      const { sessions, streams, calls, clients: held, waitingClients, waitingCalls } = await one.counts()
      return [sessions, streams, calls, held, waitingClients, waitingCalls].every((count) => count === 0)
    })
    const after = await openSession(one.url)
    await eventually(
      'it serves as before, once the pause after the crashes is over',
      async () => {
        const answered = await after.call('say', { text: 'well' })
        await answered.whole()
        return messagesOf(answered).some(({ result }) => JSON.stringify(result ?? '').includes('well'))
      },
      45_000,
    )
  },
  120_000,
)
