/** A crowd of clients over HTTP+SSE, all with equal ids and tokens: no client is sent anything of another one. */
import { afterEach, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type InProcess, startInProcess } from '../support/in-process.ts'
import { echoLegacy, echoModern } from '../support/mcplex.ts'
import { openStreamClient } from '../support/stream-client.ts'
import { connect, kinds } from './clients.ts'
import { echoScript, foreign, gather, type Member, wander } from './many-clients.ts'
import { connectStream, streamKinds } from './stream-clients.ts'

const size = 36

let one: InProcess | undefined
let members: Member[] = []
afterEach(async () => {
  await Promise.all(members.splice(0).map(({ caller }) => caller.close().catch(() => undefined)))
  await one?.end()
  one = undefined
})

/** Two of three clients come over HTTP+SSE, the others over Streamable HTTP. */
async function crowd(url: string): Promise<void> {
  members = await gather(url, size, (index) =>
    index % 3 === 0
      ? connect(kinds[(index / 3) % kinds.length] ?? 'sdk 1', url)
      : connectStream(streamKinds[index % streamKinds.length === 1 ? 2 : (index >> 1) % 2] ?? 'raw, sse', url),
  )
}

const whoami = async ({ caller }: Member): Promise<string> =>
  (JSON.parse((await caller.call('whoami', {})).text) as { nonce: string }).nonce

test.each([
  { mode: 'session', era: 'session-based', server: echoLegacy },
  { mode: 'shared', era: 'session-based', server: echoLegacy },
  { mode: 'shared', era: 'stateless', server: echoModern },
] as const)(
  'in front of a $era server in mode $mode clients never meet',
  { timeout: 60_000 },
  async ({ mode, server }) => {
    one = await startInProcess([server], { upstream: { mode, pool: 40, stateless: 'principal' } })
    await crowd(one.url)
    const faults = await Promise.all(members.map((member) => wander(member, echoScript, 4, 20_241_105)))
    expect(faults.flat()).toEqual([])
    expect(members.flatMap(foreign)).toEqual([])
    if (mode !== 'session') return
    const sessions = members.filter(({ caller }) => caller.hasSession)
    expect(new Set(await Promise.all(sessions.map(whoami))).size).toBe(sessions.length)
  },
)

test('another session can neither answer an input request, nor cancel a call, nor read state', async () => {
  one = await startInProcess([echoLegacy])
  const [mine, other] = [await openStreamClient(one.url), await openStreamClient(one.url)]
  const asked = await openStreamClient(one.url, { capabilities: { elicitation: {} } })
  const call = asked.call('ask', { kind: 'elicitation' }, { id: 'same' })
  const question = await asked.message('the question', ({ method }) => method === 'elicitation/create')
  for (const client of [mine, other]) {
    expect((await client.post({ id: question.id, result: { action: 'forged' } })).status).toBe(202)
    await client.notify('notifications/cancelled', { requestId: 'same' })
  }
  await asked.post({ id: question.id, result: { action: 'own' } })
  expect((await call).result).toMatchObject({ content: [{ text: '{"action":"own"}' }] })
  await mine.call('remember', { key: 'k', value: 'mine' })
  expect((await other.call('recall', { key: 'k' })).result).not.toMatchObject({ content: [{ text: 'mine' }] })
})

test('streams that open and close at once leave nothing behind', async () => {
  one = await startInProcess([echoLegacy], { upstream: { pool: 8 } })
  const { url, counts } = one
  await Promise.all(
    Array.from({ length: 60 }, async (_, at) => {
      const client = await openStreamClient(url, { unfinished: at % 3 === 0 })
      const params = { name: 'slow', arguments: { ms: 5000 } }
      const posted = client.post({ id: 1, method: 'tools/call', params })
      client.stream.cut()
      // It may have come after the end as well as before.
      expect([202, 404]).toContain((await posted).status)
    }),
  )
  await eventually('nothing is left', async () => {
    const { sessions, streams, calls, clients, waitingCalls } = await counts()
    return sessions === 0 && streams === 0 && calls === 0 && clients === 0 && waitingCalls === 0
  })
})
