/** Servers whose answers are not quite JSON-RPC: what can only mean one thing is taken, all else fails at once. */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { LogFields } from '../../src/base/log.ts'
import { createGateway, type Log } from '../../src/index.ts'
import { startForTest } from '../support/in-process.ts'
import { messagesOf, reasonOf, responseTo, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'

const file = join(import.meta.dirname, 'nonconforming-server.mjs')

/** Far more than an answer takes, and far less than a time-out. */
const soonMs = 10_000

interface Told {
  readonly log: Log
  readonly lines: string[]
}

function told(): Told {
  const lines: string[] = []
  const add = (fields: LogFields, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`)
  return { log: { debug: add, info: add, warn: add, error: add }, lines }
}

async function startFailure(...flags: readonly string[]): Promise<{ message: string; lines: string[]; ms: number }> {
  const { log, lines } = told()
  const startedMs = performance.now()
  const gateway = createGateway({ upstream: { command: process.execPath, args: [file, ...flags] } }, { log })
  const error: unknown = await gateway.start().catch((reason: unknown) => reason)
  await gateway.close()
  expect(error).toBeInstanceOf(Error)
  return { message: error instanceof Error ? error.message : '', lines, ms: performance.now() - startedMs }
}

test.each(['quoted-id', 'null-error', 'all-members'])('answers with %s are taken', async (as) => {
  const { url } = await startForTest([file, `--as=${as}`])
  const session = await openSession(url)
  expect((await session.request('tools/list')).result?.['tools']).toHaveLength(1)
  expect(await session.text('say')).toBe('said')
})

describe('an answer to initialize', () => {
  test.each([
    ['text-result', '"result" is no object'],
    ['no-json', 'it is not JSON'],
    ['result-of-none', 'it names no request'],
    ['no-id', 'It was not understood'],
  ])('as %s ends the start at once with what it was', async (as, words) => {
    const { message, ms } = await startFailure(`--as=${as}`, '--only=initialize')
    expect(message).toContain(words)
    expect(message.length).toBeLessThan(1000)
    expect(message, 'nothing that steers a terminal').not.toMatch(/[\u001b\u202e]/u)
    expect(ms).toBeLessThan(soonMs)
  })
})

test('a list that is no array is refused at once, and the log shows it', async () => {
  const { log, lines } = told()
  const { url } = await startForTest([file, '--as=text-result', '--only=tools/list'], {}, { log })
  const session = await openSession(url)
  const startedMs = performance.now()
  expect(reasonOf(await session.request('tools/list'))).toBe('upstream_invalid')
  expect(performance.now() - startedMs).toBeLessThan(soonMs)
  expect(lines.join('\n')).toMatch(/tools\/list is not valid \(.*"result/)
})

test.each(['result-as-text', 'result-no-json', 'result-beside', 'error-of-text-code'])(
  'what a client gets or sends is not in the log, if the answer is not valid: %s',
  async (as) => {
    const { log, lines } = told()
    const { url } = await startForTest([file, `--as=${as}`, '--only=tools/call'], {}, { log })
    const session = await openSession(url)
    expect(reasonOf(await session.response('say', { echo: 'hunter2' }))).toBe('upstream_invalid')
    expect(lines.join('\n')).toMatch(/gave an invalid answer.*tools\/call is not valid/)
    expect(lines.join('\n')).not.toContain('hunter2')
  },
)

test('a ping with an odd answer is a sign of life', async () => {
  const { gateway } = await startForTest([file, '--as=text-result', '--only=ping'])
  await new Promise((resolve) => setTimeout(resolve, 1200))
  expect((await gateway.health()).status).toBe('ok')
})

describe('an error without an id', () => {
  test('goes to the only call in flight', async () => {
    const { url } = await startForTest([file, '--as=no-id', '--only=tools/call'])
    const session = await openSession(url)
    const startedMs = performance.now()
    expect((await session.response('say')).error?.message).toContain('It was not understood')
    expect(performance.now() - startedMs).toBeLessThan(soonMs)
  })

  test('goes to no call if there are two', async () => {
    const { url } = await startForTest([file, '--as=no-id', '--only=tools/call'])
    const session = await openSession(url)
    const held = ['a', 'b'].map(() => session.text('say', { hold: '1500' }))
    const lost = session.response('say', {}, { id: 'lost' })
    expect(await Promise.all(held)).toEqual(['said', 'said'])
    await session.notify('notifications/cancelled', { requestId: 'lost' })
    await lost.catch(() => undefined)
  })

  test('that answers a notification ends no call that is answered soon', async () => {
    const { url } = await startForTest([file, '--answers-notifications'])
    const session = await openSession(url)
    expect(await session.text('say', { hold: '700' })).toBe('said')
  })
})

describe('a server that refuses our revision', () => {
  test.each(['2025-06-18', '2024-11-05'])('is served in the one that it speaks, %s', async (version) => {
    const { url } = await startForTest([file, `--speaks=${version}`])
    const session = await openSession(url)
    expect(await session.text('say')).toBe('said')
    const older = await openSession(url, { version: '2024-11-05' })
    expect(older.headers['MCP-Protocol-Version']).toBe('2024-11-05')
    expect(await older.text('say')).toBe('said')
  })

  test.each([[], ['--ends']])('and all others ends the start with its words %s', async (...flags) => {
    const { message, ms } = await startFailure('--speaks=1999-01-01', ...flags)
    expect(message).toContain('Unsupported protocol version: 2025-11-25')
    expect(ms).toBeLessThan(soonMs)
  })
})

describe('a result that is longer than a line may be', () => {
  const settings = { upstream: { maxLineBytes: 100_000 } }

  test.each(['big-id-first', 'big-id-last', 'big-id-quoted', 'big-id-hidden'])(
    'ends its call at once, its id as in %s',
    async (as) => {
      const { url } = await startForTest([file, `--as=${as}`, '--only=tools/call'], settings)
      const session = await openSession(url)
      const startedMs = performance.now()
      expect(reasonOf(await session.response('say'))).toBe('result_too_large')
      expect(performance.now() - startedMs).toBeLessThan(soonMs)
    },
  )

  test.each(['big-id-first', 'big-id-last'])('ends no other call beside it, its id as in %s', async (as) => {
    const { url } = await startForTest([file, `--as=${as}`, '--only=tools/call'], settings)
    const session = await openSession(url)
    const held = session.text('say', { hold: '1000' })
    expect(reasonOf(await session.response('say'))).toBe('result_too_large')
    expect(await held).toBe('said')
  })

  test('ends no call at all if it could be that of two', async () => {
    const { url } = await startForTest([file, '--as=big-id-hidden', '--only=tools/call'], {
      upstream: { ...settings.upstream, callIdleMs: 3000 },
    })
    const session = await openSession(url)
    const held = session.text('say', { hold: '1000' })
    const lost = session.response('say')
    expect(await held).toBe('said')
    expect(reasonOf(await lost)).toBe('upstream_timeout')
  })

  test('ends a list at once', async () => {
    const { url } = await startForTest([file, '--as=big-id-last', '--only=tools/list'], settings)
    const session = await openSession(url)
    const startedMs = performance.now()
    expect(reasonOf(await session.request('tools/list'))).toBe('result_too_large')
    expect(performance.now() - startedMs).toBeLessThan(soonMs)
  })
})

test('progress that does not rise is not passed on, but keeps its call', async () => {
  const { url } = await startForTest([file, '--progress'], { upstream: { callIdleMs: 1500 } })
  const session = await openSession(url)
  const answered = await session.call('say', { hold: '4500' }, { id: 'long', progressToken: 'p' })
  expect(textOf(await responseTo(answered, 'long'))).toBe('said')
  expect(messagesOf(answered).filter(({ method }) => method === 'notifications/progress')).toHaveLength(1)
})

test.each([
  ['"again"', 'cursor_repeats'],
  ['7', 'cursor_is_no_text'],
])('a list with the cursor %s ends, once and told', async (cursor, reason) => {
  const { log, lines } = told()
  const { url } = await startForTest([file, `--cursor=${cursor}`], {}, { log })
  for (let i = 0; i < 2; i++) {
    const { result } = await (await openSession(url)).request('tools/list')
    expect(result?.['tools']).toHaveLength(1)
    expect(result).not.toHaveProperty('nextCursor')
  }
  expect(lines.filter((line) => line.includes(reason))).toHaveLength(1)
})

test('a server that starts slowly and ends at the first way of greeting starts', { timeout: 60_000 }, async () => {
  const flags = ['--slow=5000', '--ends-at-discover']
  const { url } = await startForTest([file, ...flags], { upstream: { startTimeoutMs: 8000, spares: 0 } })
  expect((await openSession(url)).id).toBeDefined()
})
