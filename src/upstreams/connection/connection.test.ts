/**
 * A connection to an arbitrary worker: it answers out of order, late, twice, and with ids and tokens of other calls or of
 * none. Each call gets exactly its own messages, unchanged.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { manualClock } from '../../base/clock.ts'
import { createEvents } from '../../base/events.ts'
import { createMemoryBudget, type MemoryBudget } from '../../base/memory-budget.ts'
import { asRefusal } from '../../base/refusal.ts'
import { type Holder, holderOf, Transfers } from '../../base/transfers.ts'
import type { Call, Update } from '../../protocol/call.ts'
import { isObject, type JsonObject, memberText, parseObject } from '../../protocol/json-text.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'
import { UpstreamConnection } from './connection.ts'
import type { PendingCall } from './pending-call.ts'
import type { LineListener, LineTransport } from './line-transport.ts'
import type { Attribution } from '../worker.ts'
import { type TrackedWorker, WorkerStates } from '../worker-states.ts'

/** All clients use the same request id and progress token. */
const clientId = '1'
const clientToken = '"token"'

interface Sent extends JsonObject {
  readonly id?: number
  readonly method?: string
  readonly params?: JsonObject
}

/** A fake worker: the lines that it was sent, and a function that makes it send any line. */
function createProcess(): {
  transport: LineTransport
  sent: Sent[]
  say(value: JsonObject): void
  listener(): LineListener
} {
  const sent: Sent[] = []
  let listener: LineListener | undefined
  const transport: LineTransport = {
    id: 'instance.1',
    worker: 1,
    backlog: 0,
    memory: createMemoryBudget(Infinity).account(),
    inputRequestMemory: createMemoryBudget(Infinity).account(),
    roomFor: () => 'reserved',
    exited: false,
    whenExited() {},
    send: (line) => void sent.push(JSON.parse(line) as Sent),
    listen: (one) => void (listener = one),
    hold() {},
    close: () => Promise.resolve(),
    kill() {},
  }
  const told = (): LineListener => {
    assert(listener)
    return listener
  }
  return { transport, sent, listener: told, say: (value) => told().line(JSON.stringify({ jsonrpc: '2.0', ...value })) }
}

/** Counts updates and results that were not taken. */
function inMemory(memory: MemoryBudget): Holder {
  return holderOf(new Transfers(memory, manualClock(0), Infinity, () => {}), memory.account())
}

interface Fixture extends ReturnType<typeof createProcess> {
  readonly connection: UpstreamConnection
  /** Messages outside of calls that were taken. */
  readonly heard: Update[]
  readonly unattributed: string[]
  readonly dropped: string[]
  readonly clock: ReturnType<typeof manualClock>
  begin(nonce: string): PendingCall
}

const announced = { sampling: {}, roots: {}, elicitation: {} }

function createFixture(attribution: Attribution): Fixture {
  const process = createProcess()
  const events = createEvents()
  const clock = manualClock(0)
  const [heard, unattributed, dropped]: [Update[], string[], string[]] = [[], [], []]
  events.on('dropped', ({ what }) => void dropped.push(what))
  const states = new WorkerStates<TrackedWorker>()
  const tracked: TrackedWorker = { state: 'starting', previous: undefined, index: 0, purpose: 'serve' }
  states.add(tracked)
  states.move(tracked, 'idle')
  const connection = new UpstreamConnection({
    transport: process.transport,
    standing: {
      get state() {
        return tracked.state
      },
      move: (to) => states.move(tracked, to),
    },
    codec: legacyUpstreamCodec,
    announced,
    attribution,
    hasOneClient: false,
    clock,
    events,
    callIdleMs: 1000,
    callTotalMs: 5000,
    unsolicited: (update) => heard.push(update) > 0,
    ended() {},
    unattributed: (method) => void unattributed.push(method),
    notReading() {},
    recovered() {},
    invalid() {},
    waiting: inMemory(createMemoryBudget(Infinity)),
  })
  return {
    ...process,
    connection,
    heard,
    unattributed,
    dropped,
    clock,
    begin: (nonce) => connection.begin(callOf(nonce), attribution === 'session'),
  }
}

function callOf(nonce: string): Call {
  return {
    id: clientId,
    method: 'tools/call',
    params: parseObject(`{"name":"echo","arguments":{"nonce":"${nonce}"},"_meta":{"progressToken":${clientToken}}}`),
    client: { era: 'legacy', version: '2025-11-25', capabilities: announced, info: undefined },
    principal: { tenant: '', subject: '' },
    session: nonce,
    fairnessKey: nonce,
    clientKey: nonce,
    progressToken: clientToken,
    logLevel: undefined,
    worker: undefined,
    cancel: new Cancel(),
  }
}

/** All updates and the outcome that a pending call has now. */
function drain(pending: PendingCall): { texts: string[]; end: string | undefined } {
  const texts: string[] = []
  for (let update = pending.take(); update; update = pending.take()) texts.push(update.params?.text ?? '')
  try {
    const outcome = pending.outcome()
    const answer = outcome?.answer
    return { texts, end: answer && (answer.kind === 'result' ? answer.result.text : answer.error.text) }
  } catch (error) {
    return { texts, end: asRefusal(error)?.code }
  }
}

type Step =
  | { readonly do: 'begin' }
  | { readonly do: 'answer' | 'fail' | 'malform' | 'progress' | 'finish' | 'cancel'; readonly at: number }
  | { readonly do: 'foreign'; readonly id: number }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('begin' as const) }) },
    {
      weight: 10,
      arbitrary: fc.record({
        do: fc.constantFrom(
          ...(['answer', 'answer', 'fail', 'malform', 'progress', 'progress', 'finish', 'cancel'] as const),
        ),
        at: fc.nat(15),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('foreign' as const),
        id: fc.oneof(fc.nat(), fc.constantFrom(0, 1, 65_535, 65_536, 131_071, 2 ** 40 + 1)),
      }),
    },
  ),
  { maxLength: 80 },
)

interface Life {
  readonly nonce: string
  readonly pending: PendingCall
  /** Its id and its token on the wire. */
  readonly id: number
  /** The expected result. */
  readonly texts: string[]
  end: string | undefined
  isOver: boolean
}

test('each call gets its own updates and its own first response, and no call gets anything else', () => {
  fc.assert(
    fc.property(steps, fc.constantFrom<Attribution>('session', 'principal', 'several'), (sequence, attribution) => {
      const fixture = createFixture(attribution)
      const lives: Life[] = []
      let count = 0
      for (const step of sequence) {
        const life = 'at' in step ? lives[step.at] : undefined
        if (step.do === 'begin') {
          const nonce = `nonce-${lives.length}`
          const pending = fixture.begin(nonce)
          const request = fixture.sent.at(-1)
          assert(request?.id !== undefined && isObject(request.params) && isObject(request.params['_meta']))
          assert.deepEqual(request.params['arguments'], { nonce }, 'the process gets what the client said')
          assert.equal(request.params['_meta']['progressToken'], request.id)
          assert(!lives.some(({ id }) => id === request.id), 'an id on the wire is used once')
          lives.push({ nonce, pending, id: request.id, texts: [], end: undefined, isOver: false })
        } else if (step.do === 'foreign') {
          if (lives.some(({ id }) => id === step.id)) continue
          fixture.say({ id: step.id, result: { nonce: 'foreign' } })
          fixture.say({ id: step.id, error: { code: 1, message: 'foreign' } })
          fixture.say({ method: 'notifications/progress', params: { progressToken: step.id, progress: ++count } })
        } else if (!life) continue
        else if (step.do === 'answer') {
          const result = { nonce: life.nonce, number: ++count }
          fixture.say({ id: life.id, result })
          if (!life.isOver) life.end ??= JSON.stringify(result)
        } else if (step.do === 'fail') {
          const error = { code: -1, message: life.nonce, data: ++count }
          fixture.say({ id: life.id, error })
          if (!life.isOver) life.end ??= JSON.stringify(error)
        } else if (step.do === 'malform') {
          fixture.say({ id: life.id, result: 'nothing proper', nonce: life.nonce })
          if (!life.isOver) life.end ??= 'upstream_invalid'
        } else if (step.do === 'progress') {
          const said = { progress: ++count, message: life.nonce }
          fixture.say({ method: 'notifications/progress', params: { progressToken: life.id, ...said } })
          if (!life.isOver && life.end === undefined)
            life.texts.push(JSON.stringify({ ...said, progressToken: 'token' }))
        } else if (!life.isOver) {
          life.isOver = true
          assert.deepEqual(drain(life.pending), { texts: life.texts, end: life.end }, life.nonce)
          const before = fixture.sent.length
          fixture.connection.finish(life.pending, step.do === 'cancel' ? 'enough' : undefined)
          const told = fixture.sent.slice(before).map(({ method, params }) => [method, params?.['requestId']])
          assert.deepEqual(told, step.do === 'cancel' ? [['notifications/cancelled', life.id]] : [])
        }
        const inFlight = lives.filter(({ isOver }) => !isOver).length
        assert.equal(fixture.connection.callsInFlight, inFlight)
        assert.equal(fixture.connection.state, inFlight > 0 ? 'busy' : 'idle')
      }
      for (const { pending: pendingCall, texts, end, nonce, isOver } of lives) {
        assert.deepEqual(drain(pendingCall), { texts: isOver ? [] : texts, end }, nonce)
      }
      assert.deepEqual(fixture.heard, [], 'nothing of a call is told outside of it')
    }),
    { numRuns: 500 },
  )
})

describe('a message that names no call', () => {
  const question = { id: 'q', method: 'sampling/createMessage', params: {} }
  const log = { method: 'notifications/message', params: { level: 'info', data: 'hello' } }

  test('goes to the youngest call of the session that owns the worker, or to its stream if there is none', () => {
    const fixture = createFixture('session')
    fixture.say(log)
    expect(fixture.heard).toHaveLength(1)
    const [one, other] = [fixture.begin('a'), fixture.begin('b')]
    fixture.say(log)
    fixture.say(question)
    expect(one.take()).toBeUndefined()
    expect([other.take()?.kind, other.take()?.kind]).toEqual(['notification', 'input_request'])
  })

  test('does not go to a call that has its response already', () => {
    const fixture = createFixture('session')
    const [older, answered] = [fixture.begin('a'), fixture.begin('b')]
    fixture.say({ id: answered.id, result: {} })
    fixture.say(log)
    expect(older.take()?.method).toBe('notifications/message')
    fixture.say({ id: older.id, result: {} })
    fixture.say(log)
    fixture.say(question)
    expect(fixture.heard.map(({ kind }) => kind)).toEqual(['notification', 'input_request'])
    expect(fixture.unattributed).toEqual([])
  })

  test('goes to the youngest call of the only client that a shared worker has worked for, else to no client', () => {
    const fixture = createFixture('principal')
    const [one, other] = [fixture.begin('a'), fixture.begin('a')]
    fixture.say(question)
    expect([one.take()?.kind, other.take()?.kind]).toEqual([undefined, 'input_request'])
    fixture.begin('b')
    fixture.say({ ...question, id: 'q2' })
    fixture.say(log)
    expect(fixture.unattributed).toEqual(['sampling/createMessage'])
    expect(fixture.sent.at(-1)).toMatchObject({ id: 'q2', error: { code: -32601 } })
    expect(fixture.dropped).toEqual(['log'])
  })

  test.each(['answered', 'cancelled'])('may belong to a call of another client that was %s long ago', (how) => {
    const fixture = createFixture('principal')
    const over = fixture.begin('a')
    if (how === 'answered') fixture.say({ id: over.id, result: {} })
    fixture.connection.finish(over, how === 'answered' ? undefined : 'enough')
    fixture.clock.advance(4000)
    const own = fixture.begin('b')
    fixture.say(question)
    fixture.say(log)
    expect(own.take()).toBeUndefined()
    expect(fixture.sent.at(-1)).toMatchObject({ id: 'q', error: { code: -32601 } })
    fixture.connection.finish(own, undefined)
    // After as long as a call may last without any call, both clients are forgotten.
    fixture.clock.advance(5000)
    const third = fixture.begin('c')
    fixture.say({ ...question, id: 'q2' })
    fixture.say(log)
    expect([third.take()?.kind, third.take()?.kind]).toEqual(['input_request', 'notification'])
  })

  test('may belong to other work than calls, for any client, as long as that lasts', () => {
    const fixture = createFixture('principal')
    const isAsked = (pending: PendingCall): boolean => {
      fixture.say({ ...question, id: `q${fixture.sent.length}` })
      return pending.take()?.kind === 'input_request'
    }
    const over = fixture.connection.workFor('a')
    fixture.clock.advance(60_000)
    const own = fixture.begin('a')
    expect(isAsked(own)).toBe(true)
    fixture.connection.finish(own, undefined)
    expect(isAsked(fixture.begin('b'))).toBe(false)
    over()
    const other = createFixture('principal')
    other.connection.workFor(undefined)
    const call = other.begin('a')
    other.say(question)
    expect(call.take()).toBeUndefined()
  })

  test('an input request never goes to a client where principals share the worker', () => {
    const fixture = createFixture('several')
    const one = fixture.begin('a')
    fixture.say(question)
    expect(one.take()).toBeUndefined()
    expect(fixture.unattributed).toEqual(['sampling/createMessage'])
    expect(fixture.sent.at(-1)).toMatchObject({ id: 'q', error: { code: -32601 } })
  })

  test('an input request is answered once, under its own id of any form', () => {
    const fixture = createFixture('session')
    const one = fixture.begin('a')
    fixture.say({ id: 65_536, method: 'roots/list' })
    const inputRequest = one.take()
    assert(inputRequest?.kind === 'input_request')
    const before = fixture.sent.length
    inputRequest.answer({ kind: 'result', result: { value: { roots: [] }, text: '{"roots":[]}' } })
    inputRequest.answer({ kind: 'result', result: { value: {}, text: '{}' } })
    expect(fixture.sent.slice(before)).toEqual([{ jsonrpc: '2.0', id: 65_536, result: { roots: [] } }])
  })
})

test('an input request that was not taken when its call ends is answered nevertheless', () => {
  const fixture = createFixture('session')
  const pending = fixture.begin('a')
  fixture.say({ id: 'q', method: 'roots/list' })
  fixture.connection.finish(pending, 'enough')
  expect(fixture.sent.find(({ id }) => id === ('q' as unknown))).toMatchObject({ error: { code: -32603 } })
})

describe('a progress token', () => {
  test('comes back unchanged, and so does the rest of the notification', () => {
    const fixture = createFixture('session')
    const call = callOf('a')
    const token = '12345678901234567890'
    const pending = fixture.connection.begin({ ...call, progressToken: token }, true)
    fixture
      .listener()
      .line(
        `{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":${pending.id},"progress":1.50,"total":9007199254740993}}`,
      )
    const text = pending.take()?.params?.text ?? ''
    expect(memberText(text, 'progressToken')).toBe(token)
    expect([memberText(text, 'progress'), memberText(text, 'total')]).toEqual(['1.50', '9007199254740993'])
  })

  test('is needed: progress of a call without one is dropped', () => {
    const fixture = createFixture('session')
    const { _meta, ...params } = callOf('a').params?.value ?? {}
    const pending = fixture.connection.begin(
      {
        ...callOf('a'),
        params: parseObject(JSON.stringify(params)),
        progressToken: undefined,
      },
      true,
    )
    expect(_meta).toBeDefined()
    expect(fixture.sent.at(-1)?.params).not.toHaveProperty('_meta')
    fixture.say({ method: 'notifications/progress', params: { progressToken: pending.id, progress: 1 } })
    expect(pending.take()).toBeUndefined()
    expect(fixture.dropped).toEqual(['progress'])
  })
})

test('the end of the worker ends every call in flight and every request of ours, once', async () => {
  const fixture = createFixture('session')
  const [one, other] = [fixture.begin('a'), fixture.begin('b')]
  const asked = fixture.connection.request('ping', undefined, 1000)
  fixture.say({ id: one.id, result: { done: true } })
  fixture.listener().exit({ code: 1, signal: null, expected: false, stderr: '' })
  expect(drain(one).end).toBe('{"done":true}')
  expect(drain(other).end).toBe('upstream_closed')
  await expect(asked).rejects.toMatchObject({ code: 'upstream_closed' })
  expect(() => fixture.begin('c')).toThrow(expect.objectContaining({ code: 'upstream_closed' }))
})

test('a call that runs once more has the time that its first run has left', () => {
  const { connection, clock } = createFixture('session')
  const [first, again] = [callOf('a'), { ...callOf('b'), tookMs: 600 }].map((call) => connection.begin(call, false))
  clock.advance(399)
  connection.expire(clock.now())
  expect([first, again].map((call) => call?.ended)).toEqual([false, false])
  clock.advance(1)
  connection.expire(clock.now())
  expect([first, again].map((call) => call?.ended)).toEqual([false, true])
  expect(() => again?.outcome()).toThrow(expect.objectContaining({ code: 'upstream_timeout' }))
})
