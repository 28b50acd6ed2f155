/**
 * Two tenants by API keys that do the same at the same moment under the same ids: JSON-RPC ids, progress tokens, ids of
 * subscriptions, questions and events, and states. Nothing of one reaches the other.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { bearer, keyOf } from '../support/issuer.ts'
import { echoLegacy, echoModern, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { type JsonMap, messagesOf, reasonOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'
import { ask, callTool } from '../support/stateless.ts'

const folder = mkdtempSync(join(tmpdir(), 'mcplex-equal-ids-'))
const tenants = ['acme', 'globex'] as const
const keys = tenants.map((tenant) => keyOf(tenant, 'ann'))
const sameId = 7
const capabilities = { elicitation: {} }

let mcplex: Mcplex
let old: readonly Session[]
const urlOf = (server: string): string => `${mcplex.url}/${server}`

beforeAll(async () => {
  const file = join(folder, 'mcplex.yaml')
  const server = (path: string): object => ({ command: [process.execPath, path], stateless: 'principal' })
  const settings = {
    auth: { methods: ['keys'], keys: keys.map(({ line }) => line) },
    upstreams: { old: { ...server(echoLegacy), mode: 'session' }, new: { ...server(echoModern), mode: 'tenant' } },
    tenants: { default: { upstreams: ['*'] }, acme: {}, globex: {} },
  }
  writeFileSync(file, JSON.stringify(settings))
  mcplex = await startMcplex({ file })
  old = await Promise.all(
    keys.map(({ key }) => openSession(urlOf('old'), { headers: bearer(key), capabilities: { elicitation: {} } })),
  )
})
afterAll(async () => {
  await mcplex?.end()
  rmSync(folder, { recursive: true })
})

/** What each tenant gets when both do it at once; `at` is 0 or 1. */
const both = <Found>(work: (at: number) => Promise<Found>): Promise<Found[]> => Promise.all([0, 1].map(work))
const sessionOf = (at: number): Session => {
  const session = old[at]
  if (!session) throw new Error('no session')
  return session
}
const headersOf = (at: number): { readonly Authorization: string } => bearer(keys[at]?.key ?? '')
const other = (at: number): number => 1 - at

test('calls and their progress under one id and one token', async () => {
  const filler = (at: number): string => 'n'.repeat(100 + at)
  const args = (at: number): JsonMap => ({ count: 20, bytes: 100 + at, kind: 'progress' })
  for (let round = 0; round < 5; round++) {
    const answers = await both(async (at) => {
      const [one, two] = await Promise.all([
        sessionOf(at).call('notify', args(at), { id: sameId, progressToken: sameId }),
        callTool(urlOf('new'), 'notify', args(at), {
          id: sameId,
          meta: { progressToken: sameId },
          headers: headersOf(at),
        }),
      ])
      await Promise.all([one.whole(), two.whole()])
      return [...messagesOf(one), ...messagesOf(two)]
    })
    for (const [at, messages] of answers.entries()) {
      const told = messages.filter(({ method }) => method === 'notifications/progress')
      expect(told).toHaveLength(40)
      expect(new Set(told.map(({ params }) => params?.['message']))).toEqual(new Set([filler(at)]))
    }
  }
})

test('questions to the user: each answers its own, also by the id of the other one', async () => {
  const results = await both(async (at) => {
    const answered = await sessionOf(at).call('ask', { kind: 'elicitation', message: `who is ${at}` }, { id: sameId })
    const { data } = await answered.event('a question', (event) => event.data.includes('elicitation/create'))
    expect(data).toContain(`who is ${at}`)
    const { id = '' } = JSON.parse(data) as RpcMessage
    const answer = (name: string): JsonMap => ({ id, result: { action: 'accept', content: { name } } })
    // To the session of the other one, whose question may have the same id: it answers that later itself, or has already.
    await sessionOf(other(at)).post({ ...answer(`forged by ${at}`), id: `${id}x` })
    await sessionOf(at).post(answer(`own ${at}`))
    return textOf(await responseTo(answered, sameId))
  })
  expect(results.map((text) => (JSON.parse(text) as { content: unknown }).content)).toEqual([
    { name: 'own 0' },
    { name: 'own 1' },
  ])
})

test('the state of an interaction goes on for its tenant alone', async () => {
  const round = async (at: number, more: JsonMap): Promise<RpcMessage> => {
    const params = { name: 'ask', arguments: { kind: 'elicitation', message: 'Who?' }, ...more }
    const options = { id: sameId, capabilities, headers: headersOf(at) }
    return responseTo(await ask(urlOf('new'), 'tools/call', params, options), sameId)
  }
  const states = await both(async (at) => String((await round(at, {})).result?.['requestState']))
  const inputOf = (at: number): JsonMap => ({ answer: { action: 'accept', content: { name: `own ${at}` } } })
  const crossed = await both((at) => round(at, { requestState: states[other(at)], inputResponses: inputOf(at) }))
  expect(crossed.map(reasonOf)).toEqual(['invalid_params', 'invalid_params'])
  const own = await both((at) => round(at, { requestState: states[at], inputResponses: inputOf(at) }))
  expect(own.map((one) => textOf(one).includes('own'))).toEqual([true, true])
})

test('subscriptions to one resource under one id: a tenant is told by its own processes alone', async () => {
  const uri = 'echo://calls'
  const updated = 'notifications/resources/updated'
  const filter = { notifications: { resourceSubscriptions: [uri] } }
  const listeners = await both((at) =>
    ask(urlOf('new'), 'subscriptions/listen', filter, { id: 'same', headers: headersOf(at) }),
  )
  await Promise.all(listeners.map((one) => one.event('the beginning', ({ data }) => data.includes('acknowledged'))))
  const streams = await both((at) => sessionOf(at).listen())
  await both((at) => sessionOf(at).request('resources/subscribe', { uri }))
  const isTold = ({ data }: { data: string }): boolean => data.includes(updated)
  for (const at of [0, 1]) {
    await (await callTool(urlOf('new'), 'update', { uri }, { id: sameId, headers: headersOf(at) })).whole()
    await sessionOf(at).text('update', { uri })
    await listeners[at]?.event('an update', isTold)
    await streams[at]?.event('an update', isTold)
    // The other one is told when it is its turn.
    for (const silent of at === 0 ? [listeners[1], streams[1]] : []) expect(silent?.text).not.toContain(updated)
  }
  for (const stream of [...listeners, ...streams]) {
    expect(stream.events.filter(isTold)).toHaveLength(1)
    stream.cut()
  }
})

test('a call is cancelled by its own tenant, and its events are replayed there alone', async () => {
  const args = { ms: 1500, steps: 3 }
  const running = await both((at) => sessionOf(at).call('slow', args, { id: sameId, progressToken: 1 }))
  await Promise.all(running.map((one) => one.event('progress', ({ data }) => data.includes('progress'))))
  await sessionOf(0).notify('notifications/cancelled', { requestId: sameId })
  const results = await Promise.all(
    running.map(async (one) => {
      await one.whole()
      return messagesOf(one).flatMap((message) => (message.result ? [textOf(message)] : []))
    }),
  )
  expect(results).toEqual([[], ['done after 1500 ms']])
  const [, last = ''] = running.map((one) => one.events.find(({ id }) => id !== undefined && id !== '')?.id)
  const [foreign, own] = await both((at) => sessionOf(at).listen(last))
  expect(await own?.whole()).toContain('done after')
  expect(foreign?.text).not.toContain('done after')
  foreign?.cut()
})
