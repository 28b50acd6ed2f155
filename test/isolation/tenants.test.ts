/** Two tenants whose subject, request ids and names are the same: neither reaches, sees or ends anything of the other. */
import { describe, expect, test } from 'vitest'
import { send } from '../support/http.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { messagesOf, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { postHeaders, startForTwoTenants } from './two-tenants.ts'

async function openBoth(mode: 'session' | 'principal' | 'tenant'): Promise<readonly [Session, Session, string]> {
  const upstream = { command: process.execPath, args: [echoLegacy], mode }
  const { a, b } = await startForTwoTenants({ upstream })
  return [await openSession(a), await openSession(b), b]
}

describe.each(['session', 'principal', 'tenant'] as const)('with --mode %s two tenants', (mode) => {
  test('have processes of their own, and calls with one id get the answers of their own', async () => {
    const [a, b] = await openBoth(mode)
    expect((await a.whoami()).pid).not.toBe((await b.whoami()).pid)
    const texts = await Promise.all(
      [a, b].map(async (session, at) => {
        const answered = await session.call('echo', { text: `of ${at}` }, { id: 7 })
        await answered.whole()
        return messagesOf(answered).map((message) => [message.id, textOf(message)])
      }),
    )
    expect(texts).toEqual([[[7, 'of 0']], [[7, 'of 1']]])
  })

  test('cannot use, read or end a session of the other, although they know its id', async () => {
    const [a, , other] = await openBoth(mode)
    const headers = { ...a.headers, ...postHeaders }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'whoami' } })
    const foreign = [
      await send(other, { method: 'POST', headers, body }),
      await send(other, { method: 'GET', headers: { ...a.headers, Accept: 'text/event-stream' } }),
      await send(other, { method: 'DELETE', headers: a.headers }),
    ]
    for (const answered of foreign) await answered.whole()
    expect(foreign.map(({ status }) => status)).toEqual([404, 404, 404])
    expect(await a.text('echo', { text: 'still mine' })).toBe('still mine')
  })

  test('cannot cancel a call of the other by its id', async () => {
    const [a, b] = await openBoth(mode)
    const running = a.call('slow', { ms: 700 }, { id: 9 })
    await b.call('echo', { text: 'same id' }, { id: 9 })
    await b.notify('notifications/cancelled', { requestId: 9, reason: 'mine' })
    const answered = await running
    await answered.whole()
    expect(messagesOf(answered).map(({ id, error }) => [id, error])).toEqual([[9, undefined]])
  })
})
