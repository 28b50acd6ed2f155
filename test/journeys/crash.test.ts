/** A server process that dies in mid-call: who is told what, who is not harmed, and what its successor knows. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runs } from '../children/processes.ts'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import { echoModern, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { messagesOf, reasonOf, responseTo, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { toolResponse } from '../support/stateless.ts'

let mcplex: Mcplex
beforeAll(async () => {
  mcplex = await startMcplex()
})
afterAll(() => mcplex.end())

test('ends its own calls with a typed error, after what came before it, and no other session notices', async () => {
  const [hit, bystander] = [await openSession(mcplex.url), await openSession(mcplex.url)]
  const before = await bystander.whoami()
  const pid = (await hit.whoami()).pid
  const slow = hit.nextId()
  const streamed = await hit.call('slow', { ms: 30_000, steps: 300 }, { id: slow, progressToken: 1 })
  const silent = hit.response('slow', { ms: 30_000 })
  const elsewhere = bystander.response('slow', { ms: 400 })
  await streamed.event('some progress', ({ data }) => data.includes('progress'))
  const crashed = await hit.response('crash')
  expect(crashed.error).toMatchObject({ code: -32603, data: { reason: 'upstream_closed' } })
  expect(reasonOf(await responseTo(streamed, slow))).toBe('upstream_closed')
  expect(await streamed.over, 'the stream ends with the error').toBe('whole')
  expect(messagesOf(streamed).filter(({ method }) => method === 'notifications/progress')).not.toHaveLength(0)
  expect(reasonOf(await silent)).toBe('upstream_closed')
  expect(textOf(await elsewhere)).toBe('done after 400 ms')
  expect((await bystander.whoami()).nonce).toBe(before.nonce)
  await eventually('the process is gone', () => !runs(pid))
})

test('is followed by a process that knows the level, the subscriptions and the client of its predecessor', async () => {
  const uri = 'echo://values/kept'
  const session = await openSession(mcplex.url, { capabilities: { roots: { listChanged: true } } })
  await session.request('logging/setLevel', { level: 'error' })
  await session.request('resources/subscribe', { uri })
  await session.request('resources/subscribe', { uri: 'echo://values/dropped' })
  await session.request('resources/unsubscribe', { uri: 'echo://values/dropped' })
  await session.text('remember', { key: 'a', value: 'b' })
  const before = await session.whoami()
  const listening = await session.listen()
  await session.response('crash')
  const after = await session.whoami()
  expect(after.nonce).not.toBe(before.nonce)
  expect(after).toMatchObject({ level: 'error', subscribed: [uri], client: before.client })
  for (const kind of ['tools', 'prompts', 'resources']) {
    await listening.event(`the change of ${kind}`, ({ data }) => data.includes(`notifications/${kind}/list_changed`))
  }
  expect(await session.text('recall', { key: 'a' }), 'its memory is gone').toBe('')
  expect(await session.text('update', { uri })).toBe('told 1')
  await listening.event('the update', ({ data }) => data.includes('resources/updated'))
  expect(mcplex.log).toContainEqual(expect.objectContaining({ reason: 'upstream_restarted' }))
})

test('a call that waits for the successor is not run twice', async () => {
  const session = await openSession(mcplex.url)
  await session.response('crash')
  const texts = await Promise.all(Array.from({ length: 5 }, (_, at) => session.text('echo', { text: `${at}` })))
  expect(texts).toEqual(['0', '1', '2', '3', '4'])
  // The five echoes and this one.
  expect((await session.whoami()).calls).toBe(6)
})

test('a server that crashes again and again is not started for a while: calls are refused at once with Retry-After', async () => {
  const [hit, bystander] = [await openSession(mcplex.url), await openSession(mcplex.url)]
  const tookMs: number[] = []
  let reason: unknown = 'upstream_closed'
  while (reason === 'upstream_closed' && tookMs.length < 10) {
    const startedMs = performance.now()
    reason = reasonOf(await hit.response('crash'))
    tookMs.push(performance.now() - startedMs)
  }
  expect(reason).toBe('upstream_unavailable')
  expect(tookMs).toHaveLength(6)
  const [longestPause, refused] = tookMs.slice(-2)
  expect(refused, `of ${tookMs.join(', ')}`).toBeLessThan((longestPause ?? 0) / 4)
  const { error } = await hit.response('echo', { text: 'x' })
  expect(error?.data).toMatchObject({ reason: 'upstream_unavailable', retryAfterMs: expect.any(Number) })
  expect(await bystander.text('echo', { text: 'alive' })).toBe('alive')
  expect((await (await openSession(mcplex.url)).whoami()).calls).toBe(1)
})

test('a shared server: all of its calls are told, and the next ones are served by another process', async () => {
  const shared = await startMcplex({ server: [echoModern] })
  try {
    const whoami = async (): Promise<unknown> => JSON.parse(textOf(await toolResponse(shared.url, 'whoami')))
    const before = await whoami()
    const slow = Array.from({ length: 5 }, () => toolResponse(shared.url, 'slow', { ms: 30_000 }))
    await eventually('all are in flight', async () => (await counts(shared))['calls'] === 5)
    expect(reasonOf(await toolResponse(shared.url, 'crash'))).toBe('upstream_closed')
    for (const answer of await Promise.all(slow)) expect(reasonOf(answer)).toBe('upstream_closed')
    expect(await whoami()).not.toMatchObject({ nonce: (before as { nonce: string }).nonce })
  } finally {
    await shared.end()
  }
})
