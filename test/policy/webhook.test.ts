/** The webhook of a policy: what it is sent, and what becomes of calls when it is slow, dead, lying, enormous or hostile. */
import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { ConfigError, createGateway } from '../../src/index.ts'
import { type InProcess, startInProcess } from '../support/in-process.ts'
import { reasonOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'

const echo = join(import.meta.dirname, '..', 'fixtures', 'echo-legacy.mjs')
const secret = `whsec_${Buffer.from('thirty-two bytes of a real secret').toString('base64')}`
const maxBytes = 4096

interface Asked {
  readonly headers: IncomingMessage['headers']
  readonly body: string
}
type Decide = (body: { type: string; data: Record<string, unknown> }, response: ServerResponse) => unknown

const asked: Asked[] = []
const pass = { decision: 'pass' }
let decide: Decide = () => pass

const webhook = createServer((request, response) => void reply(request, response))

async function reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  asked.push({ headers: request.headers, body })
  const said = decide(JSON.parse(body) as Parameters<Decide>[0], response)
  if (said !== undefined) response.end(JSON.stringify(said))
}

const logged: unknown[] = []
let url: string
let gateway: InProcess
let open: InProcess
let session: Session

beforeAll(async () => {
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve))
  const address = webhook.address()
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/decide`
  const log = (_fields: object, message: string): void => void logged.push(message)
  const policy = { url, secret, deadlineMs: 1500, results: true, maxBytes }
  const needs = { log: { debug() {}, info: log, warn: log, error: log } }
  gateway = await startInProcess([echo], { policy }, needs)
  open = await startInProcess([echo], { policy: { ...policy, failClosed: false } })
  session = await openSession(gateway.url)
})
afterAll(async () => {
  await gateway?.end()
  await open?.end()
  webhook.closeAllConnections()
  await new Promise((resolve) => webhook.close(resolve))
})
beforeEach(() => {
  decide = () => pass
  asked.splice(0)
  logged.splice(0)
})

test('it is asked before and after a call, signed as Standard Webhooks says', async () => {
  expect(await session.text('echo', { text: 'hello' })).toBe('hello')
  const [before, after] = asked.map(({ body }) => JSON.parse(body) as { type: string; data: Record<string, unknown> })
  const call = { method: 'tools/call', name: 'echo', arguments: { text: 'hello' }, upstream: 'server', round: 0 }
  expect(before).toMatchObject({ type: 'call.before', data: { ...call, tenant: 'default', client: 'journey' } })
  expect(before?.data).not.toHaveProperty('result')
  expect(after).toMatchObject({ type: 'call.after', data: { ...call, id: before?.data['id'] } })
  expect(after?.data['result']).toMatchObject({ content: [{ type: 'text', text: 'hello' }] })
  expect(new Set(asked.map(({ headers }) => headers['webhook-id'])).size).toBe(2)
  for (const { headers, body } of asked) {
    const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`
    const key = Buffer.from('thirty-two bytes of a real secret')
    expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`)
    expect(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(60)
  }
})

test('it changes arguments and results, and refuses', async () => {
  decide = ({ type }) => (type === 'call.before' ? { ...pass, arguments: { text: 'other' } } : pass)
  expect(await session.text('echo', { text: 'x' })).toBe('other')
  const result = { content: [{ type: 'text', text: 'no address' }] }
  decide = ({ type }) => (type === 'call.after' ? { ...pass, result } : pass)
  expect(await session.text('echo', { text: 'x' })).toBe('no address')
  decide = () => ({ decision: 'refuse', reason: 'not on Fridays' })
  const refused = await session.response('echo', { text: 'x' })
  expect(refused.error).toMatchObject({
    message: 'not on Fridays',
    data: { reason: 'policy_refused', executed: false },
  })
})

test('arguments that do not fit the tool are refused by its server, as those of a client are', async () => {
  decide = ({ type }) => (type === 'call.before' ? { ...pass, arguments: { bytes: -1 } } : pass)
  const answer = await session.response('big', { bytes: 3 })
  expect(answer.result?.['isError']).toBe(true)
})

const endless = (response: ServerResponse): void => {
  const piece = Buffer.alloc(65_536, 32)
  const write = (): void => {
    while (!response.destroyed && response.write(piece));
    if (!response.destroyed) response.once('drain', write)
  }
  write()
}

const faulty: ReadonlyArray<readonly [what: string, decide: Decide]> = [
  ['never answers', () => undefined],
  ['begins and does not end', (_body, response) => void response.write('{"decision":')],
  ['closes the connection', (_body, response) => void response.destroy()],
  ['answers with an error', (_body, response) => void response.writeHead(500).end(JSON.stringify(pass))],
  ['sends mcplex elsewhere', (_body, response) => void response.writeHead(307, { Location: url }).end()],
  ['answers with no JSON', (_body, response) => void response.end('pass')],
  ['answers with a list', () => [pass]],
  ['says neither pass nor refuse', () => ({ decision: 'perhaps' })],
  ['gives arguments that are no object', () => ({ ...pass, arguments: 'text=x' })],
  ['never stops answering', (_body, response) => endless(response)],
]

test.each(faulty)('a webhook that %s: the call is refused, or passes where that is wanted', async (_what, how) => {
  decide = how
  const refused = await session.response('echo', { text: 'x' })
  expect(reasonOf(refused)).toBe('policy_unavailable')
  expect(JSON.stringify(refused)).not.toContain(url)
  expect(asked).toHaveLength(1)
  const other = await openSession(open.url)
  expect(await other.text('echo', { text: 'x' })).toBe('x')
  await other.end()
})

test('a question that is too large is not asked, before and after', async () => {
  const big = { text: 'x'.repeat(2 * maxBytes) }
  expect(reasonOf(await session.response('echo', big))).toBe('policy_unavailable')
  expect(asked).toHaveLength(0)
  const after = await session.response('big', { bytes: 2 * maxBytes })
  expect(after.error?.data).toMatchObject({ reason: 'policy_unavailable', executed: true })
})

test('a dead webhook is told in the log once, and that it decides again', async () => {
  expect(await session.text('echo', { text: 'x' })).toBe('x')
  logged.splice(0)
  decide = (_body, response) => void response.destroy()
  for (let call = 0; call < 3; call++) await session.response('echo', { text: 'x' })
  decide = () => pass
  expect(await session.text('echo', { text: 'x' })).toBe('x')
  expect(logged.filter((message) => String(message).includes('policy'))).toEqual([
    'the policy could not decide on a call',
    'the policy decides again',
  ])
})

test.each([
  [{ url: 'https://policy.example.com' }, 'policy.secret'],
  [{ secret }, 'policy.url'],
  [{ failClosed: false }, 'policy.url'],
  [{ url: 'http://policy.example.com', secret }, 'https'],
  [{ url: 'https://policy.example.com', secret: 'short' }, '24'],
])('settings that cannot work are refused: %j', (policy, named) => {
  let error: unknown
  try {
    createGateway({ upstream: { command: 'node' }, policy })
  } catch (caught) {
    error = caught
  }
  expect(error).toBeInstanceOf(ConfigError)
  expect(JSON.stringify((error as ConfigError).problems)).toContain(named)
})
