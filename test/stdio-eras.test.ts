/** `serve --transport stdio` has one client: whatever its requests look like, they reach one process of the server. */
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from './support/eventually.ts'
import { featureServer } from './support/features.ts'
import { type Piped, serveStdio, standalone } from './support/pipes.ts'
import { type JsonMap, textOf } from './support/rpc.ts'

const capabilities = { elicitation: { form: {}, url: {} }, roots: { listChanged: true } }
const own = standalone({}, capabilities)

function open(server: readonly string[], ...options: string[]): Piped {
  const piped = serveStdio(server, options)
  onTestFinished(() => piped.end())
  return piped
}

function features(speaks: 'old' | 'dual' | 'new', ...options: string[]): Piped {
  const { argv, clear } = featureServer(speaks)
  onTestFinished(clear)
  return open(argv, ...options)
}

const remember = (piped: Piped, value: string, meta?: JsonMap): Promise<unknown> =>
  piped.call('remember', { key: 'k', value }, meta).then(textOf)
const recall = async (piped: Piped, meta?: JsonMap): Promise<string> =>
  textOf(await piped.call('recall', { key: 'k' }, meta))
const eraOf = async (piped: Piped, meta?: JsonMap): Promise<unknown> =>
  (JSON.parse(textOf(await piped.call('about', {}, meta))) as { version: string }).version

describe.each(['old', 'dual', 'new'] as const)('in front of a server that is %s', (speaks) => {
  test('initialize follows a good discover, and both eras find what the other has left', async () => {
    const piped = features(speaks)
    const discovery = await piped.request('server/discover', { _meta: own })
    expect(discovery.result).toMatchObject({ supportedVersions: ['2026-07-28'] })
    await piped.initialize({ capabilities })
    await remember(piped, 'by a session')
    expect(await recall(piped, own)).toBe('by a session')
    await remember(piped, 'without one', own)
    expect(await recall(piped)).toBe('without one')
  })

  test('a session that begins late reaches the process of the earlier requests', async () => {
    const piped = features(speaks)
    await remember(piped, 'without one', own)
    await piped.initialize({ capabilities })
    expect(await recall(piped)).toBe('without one')
  })
})

test.each(['old', 'dual'] as const)('--stateless changes nothing before a server that is %s', async (speaks) => {
  const piped = features(speaks, '--stateless', 'call')
  await piped.initialize({ capabilities })
  await remember(piped, 'kept')
  expect(await recall(piped, own)).toBe('kept')
})

test('a server of both eras is spoken with in that of the first call, and in no other', async () => {
  const first = features('dual')
  expect(await eraOf(first, own)).toBe('2026-07-28')
  await first.initialize({ capabilities })
  expect(await eraOf(first)).toBe('2026-07-28')
  const names: unknown[] = []
  for (let cursor: unknown, page = 0; page === 0 || cursor !== undefined; page++) {
    const { result = {} } = await first.request('tools/list', cursor === undefined ? {} : { cursor })
    names.push(...(result['tools'] as readonly JsonMap[]).map(({ name }) => name))
    cursor = result['nextCursor']
  }
  expect(names, 'what is listed is of the same era').toContain('recall')
  expect(names).not.toContain('ask-anyway')

  const second = features('dual')
  await second.request('server/discover', { _meta: own })
  await second.initialize({ capabilities })
  expect(await eraOf(second)).toBe('2025-11-25')
  expect(await eraOf(second, own)).toBe('2025-11-25')
})

test('calls of both eras run at once, and one is no hindrance to another', async () => {
  const piped = features('old')
  await piped.initialize({ capabilities })
  const waiting = [piped.call('wait', { key: 'one' }), piped.call('wait', { key: 'other' }, own)]
  for (const key of ['one', 'other']) {
    await eventually('it runs', async () => textOf(await piped.call('waiting', { key }, own)) === 'running')
  }
  await piped.call('release', { key: 'one' })
  await piped.call('release', { key: 'other' }, own)
  expect((await Promise.all(waiting)).map(textOf)).toEqual(['waited for one', 'waited for other'])
})

test('a question is put to the client as the call that waits for it has it, and other calls go on meanwhile', async () => {
  const piped = features('old')
  const asking = { name: 'ask', arguments: { what: 'form' }, _meta: own }
  const { result } = await piped.request('tools/call', asking)
  expect(result).toMatchObject({ resultType: 'input_required' })
  await remember(piped, 'meanwhile', own)

  await piped.initialize({ capabilities })
  const asked = piped.begin('tools/call', { name: 'ask', arguments: { what: 'form' } })
  const question = await piped.told('the question', ({ method }) => method === 'elicitation/create')
  expect(await recall(piped)).toBe('meanwhile')
  const answer = { action: 'accept', content: { name: 'Ada' } }
  piped.send({ id: question.id, result: answer })
  expect(textOf(await piped.response(asked))).toContain('Ada')

  const [key = ''] = Object.keys(result?.['inputRequests'] ?? {})
  const again = { ...asking, requestState: result?.['requestState'], inputResponses: { [key]: answer } }
  expect(textOf(await piped.request('tools/call', again))).toContain('Ada')
})

test('a question outside of calls goes to the session, though a listener without one was there first', async () => {
  const piped = open([join(import.meta.dirname, 'attacks', 'hostile-server.mjs')])
  piped.begin('subscriptions/listen', { notifications: { toolsListChanged: true }, _meta: own })
  await piped.told('the acknowledgement', ({ method }) => method === 'notifications/subscriptions/acknowledged')
  await piped.initialize({ capabilities })
  await piped.call('answer-then-ask', { question: 'late' })
  const { id } = await piped.told('the question', ({ method }) => method === 'roots/list')
  piped.send({ id, result: { roots: [] } })
  await eventually('the answer to arrive', async () =>
    textOf(await piped.call('answered', { question: 'late' })).includes('roots'),
  )
})
