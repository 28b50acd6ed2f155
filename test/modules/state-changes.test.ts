/** The queue of the changes of a session's state, before the real store. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { expect, test } from 'vitest'
import { createMemoryBackplane } from '../../src/backplane/memory.ts'
import { systemClock } from '../../src/base/clock.ts'
import type { JsonObject } from '../../src/base/json.ts'
import { createMemoryBudget } from '../../src/base/memory-budget.ts'
import { createToolStates, type StateHolder } from '../../src/sessions/tool-states.ts'
import { ObjectChanges } from '../../src/upstreams/module/object-changes.ts'
import type { CallerFacts, ToolSessions } from '../../src/upstreams/module/object-host.ts'
import { maxBatch, maxWaiting, StateChanges } from '../../src/upstreams/module/state-changes.ts'
import { StoredSession } from '../../src/upstreams/module/stored-session.ts'

const ada = { tenant: 't', subject: 'ada' }
const revision = '2025-11-25'
const facts: CallerFacts = { ...ada, session: 's', revision, capabilities: {}, info: undefined }
const maxBytes = 2000

function start(memoryBytes = 64 * 1024 ** 2) {
  const memory = createMemoryBudget(memoryBytes)
  const { records } = createMemoryBackplane({ clock: systemClock, memory: createMemoryBudget(64 * 1024 ** 2) })
  const live = { key: 'session/s', memory: memory.account(), ended: false, stateAreas: undefined }
  const served = (_who: unknown, id: string): StateHolder | undefined => (id === 's' && !live.ended ? live : undefined)
  const states = createToolStates({ records, served, stateBytes: maxBytes, maxSessionMs: 60_000 })
  const attempts: { reads: number; replaces: number; before?: (() => Promise<void>) | undefined } = {
    reads: 0,
    replaces: 0,
  }
  const sessions: ToolSessions = {
    read: () => (attempts.reads++, states.read(ada, 's', 'a')),
    async replace(_facts, values, version) {
      attempts.replaces++
      await attempts.before?.()
      return states.replace(ada, 's', 'a', values, version)
    },
    history: () => [],
  }
  const changes = new StateChanges(sessions, systemClock)
  const object = new ObjectChanges(changes)
  const session = new StoredSession('s', facts, sessions, object)
  const write = async (change: (values: JsonObject) => JsonObject): Promise<boolean> => {
    const { values, version } = await states.read(ada, 's', 'a')
    return (await states.replace(ada, 's', 'a', change(values), version)) === 'stored'
  }
  return {
    session,
    object,
    changes,
    attempts,
    live,
    memory,
    write,
    of: () => new StoredSession('s', facts, sessions, object),
  }
}

const add = (count: unknown): number => (typeof count === 'number' ? count : 0) + 1
const messages = (results: ReadonlyArray<PromiseSettledResult<unknown>>): string[] =>
  results.map((result) => (result.status === 'rejected' ? (result.reason as Error).message : 'made'))

test('changes at once take no more attempts than changes, whatever handlers want them', async () => {
  const { session, of, attempts, changes } = start()
  const other = of()
  const made = Array.from({ length: 2000 }, (_, at) => (at % 2 ? session : other).update('n', add))
  expect(changes.counts()).toEqual({ waitingStateChanges: 2000 })
  expect(await Promise.all(made)).toEqual(Array.from({ length: 2000 }, (_, at) => at + 1))
  expect(attempts.replaces).toBeLessThanOrEqual(2000)
  expect(attempts.reads).toBe(attempts.replaces)
  expect(changes.counts()).toEqual({ waitingStateChanges: 0 })
})

test('one after the other, each change is made for itself', async () => {
  const { session, attempts } = start()
  for (let at = 1; at <= 20; at++) expect(await session.update('n', add)).toBe(at)
  expect(attempts.replaces).toBe(20)
  expect(await session.delete('m')).toBe(false)
  expect(attempts.replaces).toBe(20)
  expect([await session.delete('n'), await session.get('n')]).toEqual([true, undefined])
})

test('changes give up their turn of the event loop, over and over', async () => {
  const { session } = start()
  let turns = 0
  let isOver = false
  const turn = (): void => {
    turns++
    if (!isOver) setImmediate(turn)
  }
  setImmediate(turn)
  await Promise.all(Array.from({ length: 20 * maxBatch }, () => session.update('n', add)))
  isOver = true
  expect(turns).toBeGreaterThanOrEqual(18)
})

test('a change that cannot be made is rejected alone', async () => {
  const { session } = start()
  const text = 'x'.repeat(900)
  const results = await Promise.allSettled([
    session.update('n', add),
    session.update('n', () => {
      throw new Error('thrown')
    }),
    session.update('n', async () => Promise.reject(new Error('unseen'))),
    session.set('m', new Map()),
    session.set('a', text),
    session.set('b', text),
    session.set('c', text),
    session.set('a', `${text}more`),
    session.update('big', () => text),
    session.delete('b'),
    session.set('c', text),
    session.set('__proto__', 1),
    session.update('n', add),
  ])
  const tooLarge = expect.stringMatching(/would take 2\d+ bytes; 2000 are allowed \(sessions.stateBytes\)/)
  const expected: unknown[] = results.map(() => 'made')
  expected[1] = 'thrown'
  expected[2] = 'session.update: the function must not be async'
  expected[3] = expect.stringContaining('it has a Map in it')
  expected[6] = expected[8] = tooLarge
  expect(messages(results)).toEqual(expected)
  const values = await Promise.all(['n', 'a', 'b', 'c', '__proto__', 'big'].map((key) => session.get(key)))
  expect(values).toEqual([2, `${text}more`, undefined, text, 1, undefined])
})

test('a state is measured in a batch as it is where it is stored', async () => {
  const { session, live } = start()
  const keys = ['a', 'é"', '😀', '__proto__', 'a']
  for (let round = 0; round < 30; round++) {
    const changes = keys.map((key, at) =>
      (round + at) % 4 === 0
        ? session.delete(key)
        : session.set(key, { of: `${'ü'.repeat(round)}"`, at: [round, null] }),
    )
    await Promise.all(changes)
    const text = JSON.stringify(
      Object.fromEntries(
        await Promise.all([...new Set(keys)].map(async (key) => [key, await session.get(key)] as const)),
      ),
    )
    expect(live.memory.heldBytes).toBe(Buffer.byteLength(text))
    // What is left is taken to the last byte.
    const left = maxBytes - Buffer.byteLength(text)
    const filler = left - Buffer.byteLength('"f":""') - (text === '{}' ? 0 : 1)
    const ends = await Promise.allSettled([
      session.set('f', 'x'.repeat(filler + 1)),
      session.set('f', 'x'.repeat(filler)),
      session.delete('f'),
    ])
    expect(messages(ends)).toEqual([expect.stringContaining('would take 2001 bytes'), 'made', 'made'])
  }
})

test('a change for which there is no memory is rejected alone', async () => {
  const { session, memory, attempts } = start(4000)
  const others = memory.account()
  expect(others.take(3000)).toBe('reserved')
  const results = await Promise.allSettled([
    session.update('n', add),
    session.set('big', 'x'.repeat(1500)),
    session.update('n', add),
  ])
  expect(messages(results)).toEqual(['made', 'there is no memory for the state of the session', 'made'])
  expect(await session.get('n')).toBe(2)
  expect(attempts.replaces).toBeLessThanOrEqual(2 * results.length)
})

test('changes are applied again if others write the state meanwhile, and lose nothing', async () => {
  const { session, attempts, write } = start()
  let written = 0
  attempts.before = async () => {
    if (attempts.replaces % 2 === 1 && (await write((values) => ({ ...values, others: written + 1 })))) written++
  }
  const made = Array.from({ length: 300 }, () => session.update('n', add))
  expect(await Promise.all(made)).toEqual(Array.from({ length: 300 }, (_, at) => at + 1))
  expect(written).toBeGreaterThan(2)
  expect([await session.get('n'), await session.get('others')]).toEqual([300, written])
})

test('changes are rejected if others always write first, and the next ones are made', async () => {
  const { session, attempts, write, changes } = start()
  attempts.before = async () => void (await write((values) => ({ ...values, n: 0 })))
  const said = messages(await Promise.allSettled([session.update('n', add), session.delete('n')]))
  expect(said).toEqual(Array.from({ length: 2 }, () => 'session: others change its state at the same time'))
  attempts.before = undefined
  expect(await session.update('n', add)).toBe(1)
  expect(changes.counts()).toEqual({ waitingStateChanges: 0 })
})

test('a change runs in the scope of its own call, and may want another one', async () => {
  const { session } = start()
  const scopes = new AsyncLocalStorage<number>()
  const nested: Array<Promise<unknown>> = []
  const seen = Array.from({ length: 100 }, (_, at) =>
    scopes.run(at, () =>
      session.update(`k${at % 3}`, () => {
        nested.push(session.update('nested', add))
        return scopes.getStore()
      }),
    ),
  )
  expect(await Promise.all(seen)).toEqual(Array.from({ length: 100 }, (_, at) => at))
  await Promise.all(nested)
  expect(await session.get('nested')).toBe(100)
})

test('more changes than the queue takes are refused with a way out, and those before them are made', async () => {
  const { session } = start()
  const results = await Promise.allSettled(Array.from({ length: maxWaiting + 5 }, () => session.update('n', add)))
  const said = messages(results)
  expect(said.filter((message) => message === 'made')).toHaveLength(maxWaiting)
  expect(said.at(-1)).toBe(
    `session: ${maxWaiting} changes of its state wait already; await their promises before others are begun`,
  )
  expect(await session.update('n', add)).toBe(maxWaiting + 1)
})

test('values that wait are bounded together', async () => {
  const { session } = start()
  const value = 'x'.repeat(1024 ** 2)
  const said = messages(await Promise.allSettled(Array.from({ length: 40 }, () => session.set('a', value))))
  expect(said.filter((message) => message.includes('wait already')).length).toBeGreaterThan(5)
  expect(said[0]).toContain('2000 are allowed')
})

test('the queue ends with the session', async () => {
  const { session, live, changes } = start()
  const changing = Array.from({ length: 500 }, () => session.update('n', add))
  await changing[0]
  live.ended = true
  const said = messages(await Promise.allSettled(changing))
  expect(said.filter((message) => message !== 'made').length).toBeGreaterThan(0)
  await expect(session.set('a', 1)).rejects.toMatchObject({ code: 'session_not_found' })
  expect(changes.counts()).toEqual({ waitingStateChanges: 0 })
})

test('the queue ends with the server object: no code of it runs any more', async () => {
  const { session, object, changes } = start()
  let runs = 0
  const changing = Array.from({ length: 500 }, () => session.update('n', (count) => (runs++, add(count))))
  await changing[0]
  object.end()
  const runsAtEnd = runs
  const said = messages(await Promise.allSettled(changing))
  expect(said.at(-1)).toBe('session: the server object of this handler has ended')
  expect(runs).toBe(runsAtEnd)
  await object.idle()
  await expect(session.set('a', 1)).rejects.toThrow('has ended')
  expect(changes.counts()).toEqual({ waitingStateChanges: 0 })
})
