/** What stands in front of the calls of an upstream, on a clock that the test moves. */
import { beforeEach, describe, expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { type ManualClock, manualClock } from '../../base/clock.ts'
import { createEvents } from '../../base/events.ts'
import { silentLog } from '../../base/log.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Call, Outcome, Reply } from '../../protocol/call.ts'
import { emptyObject } from '../../protocol/json-text.ts'
import { CallLine } from './call-line.ts'
import { longestPauseMs } from './operations.ts'
import { UpstreamControl } from './upstream-control.ts'
import type { ControlledUpstream } from './upstream-control-needs.ts'
import type { WorkerFacts } from '../upstream.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** An upstream that answers each call at once, or when the test says so, and has room for as many as that says. */
class AnsweringUpstream implements ControlledUpstream {
  readonly ran: string[] = []
  waitingCalls = 0
  /** Calls that run, each with what ends it; undefined: calls end at once. */
  running: Array<() => void> | undefined

  async *call({ session }: Call): Reply {
    this.ran.push(session ?? 'none')
    if (this.running) await new Promise<void>((resolve) => this.running?.push(resolve))
    yield { kind: 'notification', method: 'notifications/progress', params: emptyObject }
    return { answer: { kind: 'result', result: emptyObject }, era: 'legacy', worker: undefined }
  }

  workers(): readonly WorkerFacts[] {
    return []
  }

  async recycle(): Promise<void> {
    this.ran.push('recycled')
  }

  counts(): Readonly<Record<string, number>> {
    return { waitingCalls: this.waitingCalls }
  }
}

interface MadeCall {
  /** The outcome, or the code of the refusal. */
  readonly end: Promise<Outcome | string>
  readonly cancel: Cancel
}

function callOf(session: string, more: Partial<Call> = {}): Call {
  return {
    id: '1',
    method: 'tools/call',
    params: undefined,
    client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined },
    principal: { tenant: 'default', subject: 'anonymous' },
    session,
    fairnessKey: session,
    clientKey: session,
    progressToken: undefined,
    logLevel: undefined,
    worker: undefined,
    cancel: new Cancel(),
    ...more,
  }
}

async function endOf(reply: Reply): Promise<Outcome | string> {
  try {
    for (;;) {
      const step = await reply.next()
      if (step.done === true) return step.value
    }
  } catch (error) {
    if (error instanceof Refusal) return error.code
    throw error
  }
}

let clock: ManualClock
let upstream: AnsweringUpstream
let current: AnsweringUpstream | undefined
let control: UpstreamControl
let seen: string[]

beforeEach(() => {
  clock = manualClock()
  upstream = new AnsweringUpstream()
  current = upstream
  seen = []
  const events = createEvents()
  events.on('upstreamAccess', ({ access }) => seen.push(access))
  control = new UpstreamControl({
    name: 'mine',
    queue: 4,
    line: new CallLine({ queue: 4, queueWaitMs: 1000, clock }),
    current: () => current,
    isIdempotent: ({ params }) => params?.value['idempotent'] === true,
    clock,
    log: silentLog,
    events,
  })
})

function make(session: string, more: Partial<Call> = {}): MadeCall {
  const call = callOf(session, more)
  return { end: endOf(control.call(call, upstream)), cancel: call.cancel }
}

test('while nothing is held, a call gets the reply of the upstream itself', async () => {
  const reply = upstream.call(callOf('a'))
  const passed = control.call(callOf('a'), { call: () => reply })
  expect(passed).toBe(reply)
})

describe('a pause', () => {
  test('has new calls wait, and ends by itself', async () => {
    control.pause(5000)
    const call = make('a')
    clock.advance(2000)
    await settled()
    expect(upstream.ran).toEqual([])
    expect(control.state()).toMatchObject({
      access: 'paused',
      resumesInMs: 3000,
      waiting: 1,
      oldestWaitMs: 2000,
    })
    expect(control.counts()).toMatchObject({ queuedCalls: 1, oldestQueueWaitMs: 2000, pausedUpstreams: 1 })
    clock.advance(3000)
    expect(await call.end).toMatchObject({ answer: { kind: 'result' }, queueMs: 5000 })
    expect(control.state()).toMatchObject({ access: 'open', waiting: 0, oldestWaitMs: 0 })
    expect(seen).toEqual(['paused', 'open'])
  })

  test('of another length takes the place of the first, and calls wait for as long', async () => {
    control.pause(1000)
    const call = make('a')
    control.pause(60_000)
    clock.advance(30_000)
    await settled()
    expect(control.state()).toMatchObject({ waiting: 1, resumesInMs: 30_000 })
    control.pause(1)
    clock.advance(1)
    expect(await call.end).toMatchObject({ queueMs: 30_001 })
    expect(seen).toEqual(['paused', 'open'])
  })

  test('that is ended lets calls run in fair turns', async () => {
    control.pause(5000)
    const calls = [make('busy'), make('busy'), make('busy'), make('other')]
    control.resume()
    await Promise.all(calls.map(({ end }) => end))
    expect(upstream.ran).toEqual(['busy', 'other', 'busy', 'busy'])
  })

  test('lasts for an hour at most, however often it is begun again', async () => {
    expect(() => control.pause(longestPauseMs + 1)).toThrow(RangeError)
    expect(() => control.pause(0.5)).toThrow(RangeError)
    const call = make('before')
    await call.end
    control.pause(longestPauseMs)
    const waits = make('a')
    clock.advance(longestPauseMs - 1)
    control.pause(longestPauseMs)
    clock.advance(2000)
    expect(await waits.end).toBe('overloaded')
  })

  test('holds no call that has begun: the next round of one, or a question about its task', async () => {
    control.pause(5000)
    const calls = [make('a', { worker: 'instance.1' }), make('a', { method: 'tasks/get' })]
    await Promise.all(calls.map(({ end }) => end))
    expect(upstream.ran).toHaveLength(2)
  })

  test('has a bounded number of calls wait; the session with most of them makes room for another', async () => {
    control.pause(5000)
    const busy = Array.from({ length: 5 }, () => make('busy'))
    expect(await busy[4]?.end).toBe('overloaded')
    const other = make('other')
    expect(await busy[3]?.end).toBe('overloaded')
    control.resume()
    expect(await other.end).toMatchObject({ answer: { kind: 'result' } })
    expect(upstream.ran).toHaveLength(4)
  })

  test('lets a cancelled call leave the line at once', async () => {
    control.pause(5000)
    const call = make('a')
    call.cancel.cancel('the client has left')
    expect(await call.end).toBe('cancelled')
    expect(control.state().waiting).toBe(0)
  })

  test('lets no more calls run at once than the upstream has room for in its own line', async () => {
    upstream.waitingCalls = 3
    upstream.running = []
    control.pause(5000)
    const calls = ['a', 'b', 'c'].map((session) => make(session))
    control.resume()
    const late = make('a')
    await settled()
    expect(upstream.ran).toEqual(['a'])
    upstream.waitingCalls = 0
    clock.advance(100)
    await settled()
    for (const end of upstream.running) end()
    await Promise.all([...calls, late].map(({ end }) => end))
    expect(upstream.ran).toEqual(['a', 'b', 'c', 'a'])
  })
})

test('calls that wait run on the upstream that has taken the place of theirs; without one, on their own', async () => {
  control.pause(5000)
  const call = make('a')
  current = new AnsweringUpstream()
  control.resume()
  await call.end
  expect([upstream.ran, current.ran]).toEqual([[], ['a']])
  control.pause(5000)
  const last = make('a')
  current = undefined
  control.release()
  await last.end
  expect(upstream.ran).toEqual(['a'])
})

test('a disabled upstream refuses calls at once, those that wait as well, until it is enabled', async () => {
  control.pause(5000)
  const waits = make('a')
  await settled()
  control.disable()
  expect(await waits.end).toBe('upstream_disabled')
  expect(await make('a').end).toBe('upstream_disabled')
  expect(control.state().access).toBe('disabled')
  expect(control.counts()).toMatchObject({ disabledUpstreams: 1, pausedUpstreams: 0 })
  control.enable()
  expect(control.state().access).toBe('paused')
  control.resume()
  expect(await make('a').end).toMatchObject({ answer: { kind: 'result' } })
  expect(seen).toEqual(['paused', 'disabled', 'paused', 'open'])
})

test('a drain refuses calls that wait for the end of a pause', async () => {
  control.pause(5000)
  const call = make('a')
  await settled()
  control.drain()
  expect(await call.end).toBe('draining')
})

test('a close refuses calls that wait', async () => {
  control.pause(5000)
  const call = make('a')
  await settled()
  control.close()
  expect(await call.end).toBe('draining')
  expect(await make('b').end).toBe('draining')
})

describe('a limit', () => {
  let line: CallLine

  beforeEach(() => {
    line = new CallLine({ queue: 100, queueWaitMs: 10_000, clock })
    control.moveTo(line)
    line.concurrency = 2
    upstream.running = []
  })

  /** Lets the calls that run end, each after so long. */
  async function endAfter(ms: number): Promise<void> {
    clock.advance(ms)
    for (const end of upstream.running?.splice(0) ?? []) end()
    await settled()
  }

  test('has so many calls run at once; others wait in fair turns', async () => {
    const calls = ['busy', 'busy', 'busy', 'busy', 'other'].map((session) => make(session))
    await settled()
    expect(upstream.ran).toEqual(['busy', 'busy'])
    expect([line.running, control.state().waiting]).toEqual([2, 3])
    await endAfter(10)
    expect(upstream.ran).toEqual(['busy', 'busy', 'busy', 'other'])
    await endAfter(10)
    await endAfter(10)
    const ends = await Promise.all(calls.map(({ end }) => end))
    expect(ends[4]).toMatchObject({ queueMs: 10 })
    expect(line.running).toBe(0)
  })

  test('refuses a call at once that would wait for too long, by what calls took; one of another session still has its turn', async () => {
    for (let at = 0; at < 5; at++) {
      const two = [make('a'), make('a')]
      await settled()
      await endAfter(4000)
      await Promise.all(two.map(({ end }) => end))
    }
    // Each takes 4 s, two at once: after five in line it takes 12 s.
    const calls = Array.from({ length: 7 }, () => make('a'))
    await settled()
    const refused = new ControlledReplyEnd(control.call(callOf('a'), upstream))
    expect(await refused.error).toMatchObject({ code: 'overloaded', retryAfterMs: 2000 })
    const other = make('b')
    await settled()
    expect(control.state().waiting).toBe(6)
    while (line.running > 0) await endAfter(3000)
    expect((await Promise.all([...calls, other].map(({ end }) => end))).every((end) => typeof end === 'object')).toBe(
      true,
    )
  })

  test('is raised, lowered and lifted while calls run', async () => {
    const calls = Array.from({ length: 6 }, () => make('a'))
    await settled()
    line.concurrency = 4
    await settled()
    expect(line.running).toBe(4)
    line.concurrency = 1
    upstream.running?.shift()?.()
    await settled()
    expect([line.running, control.state().waiting]).toEqual([3, 2])
    line.concurrency = Infinity
    await settled()
    expect([line.running, control.state().waiting]).toEqual([5, 0])
    await endAfter(1)
    await Promise.all(calls.map(({ end }) => end))
  })

  test('of several upstreams counts their calls together; one that is held keeps back no other', async () => {
    const other = new UpstreamControl({
      name: 'other',
      queue: 4,
      line,
      current: () => undefined,
      isIdempotent: () => false,
      clock,
      log: silentLog,
      events: createEvents(),
    })
    const calls = [make('a'), make('a')]
    await settled()
    control.pause(60_000)
    const held = make('a')
    const waits = endOf(other.call(callOf('a'), upstream))
    await settled()
    expect([control.state().waiting, other.state().waiting]).toEqual([1, 1])
    await endAfter(1)
    await endAfter(1)
    expect(await waits).toMatchObject({ answer: { kind: 'result' } })
    expect(control.state().waiting).toBe(1)
    control.resume()
    await settled()
    await endAfter(1)
    await Promise.all([...calls, held].map(({ end }) => end))
  })

  test('gives back the turn of a call that is cancelled, fails, or is left by its reader', async () => {
    const [first, second] = [control.call(callOf('a'), upstream), control.call(callOf('a'), upstream)]
    void first.next()
    void second.next()
    await settled()
    const waits = make('b')
    await settled()
    expect(line.running).toBe(2)
    for (const end of upstream.running?.splice(0) ?? []) end()
    await first.return(undefined as never)
    await settled()
    expect(upstream.ran).toHaveLength(3)
    waits.cancel.cancel('gone')
    await endAfter(0)
    await waits.end
    await second.return(undefined as never)
    const fails = control.call(callOf('a'), {
      call: () => {
        throw new Refusal('upstream_unavailable')
      },
    })
    await expect(fails.next()).rejects.toMatchObject({ code: 'upstream_unavailable' })
    expect(line.running).toBe(0)
  })
})

describe('a breaker', () => {
  const settings = {
    breakerErrorPercent: 50,
    breakerMinCalls: 2,
    breakerWindowMs: 10_000,
    breakerOpenMs: 1000,
    breakerSlowMs: 0,
  }

  /** Ends a call in each way that there is. */
  async function ended(how: Outcome | Error): Promise<void> {
    const reply = control.call(callOf('a'), {
      // oxlint-disable-next-line require-yield
      async *call() {
        if (how instanceof Error) throw how
        return how
      },
    })
    await endOf(reply).catch(() => undefined)
    await settled()
  }

  test.each(['upstream_closed', 'upstream_timeout', 'upstream_unavailable', 'upstream_invalid'] as const)(
    'opens for %s',
    async (code) => {
      control.applyBreaker(settings)
      const cause = new Error('exit code 3')
      for (let call = 0; call < 2; call++) await ended(new Refusal(code, { cause }))
      expect(await make('b').end).toBe('breaker_open')
      expect(control.state().breaker.state).toBe('open')
      expect(control.counts()).toMatchObject({ openBreakers: 1 })
    },
  )

  test('does not open for errors of tools, for what is refused here, or for calls that are left', async () => {
    control.applyBreaker(settings)
    const error = { kind: 'error', error: { code: -32000, message: 'no' } } as const
    const isError = { value: { isError: true }, text: '{"isError":true}' }
    const answers = [error, { kind: 'result', result: isError } as const]
    for (const answer of answers) await ended({ answer, era: 'legacy', worker: undefined } as Outcome)
    for (const code of ['cancelled', 'overloaded', 'memory_share_exceeded', 'draining'] as const)
      for (let call = 0; call < 3; call++) await ended(new Refusal(code))
    expect(control.state().breaker.state).toBe('closed')
  })

  test('lets calls through while they are refused because earlier starts have failed: the next start decides', async () => {
    control.applyBreaker(settings)
    const refused = new Refusal('upstream_unavailable', { retryAfterMs: 17_000 })
    const failed = new Refusal('upstream_unavailable', { cause: new Error('exit code 3') })
    for (const end of [refused, refused, refused]) await ended(end)
    expect(control.state().breaker.state).toBe('closed')
    for (const end of [failed, failed]) await ended(end)
    clock.advance(1250)
    await ended(refused)
    expect(await make('a').end, 'the one before has shown nothing').toMatchObject({ answer: { kind: 'result' } })
    expect(control.state().breaker.state).toBe('closed')
  })

  test('opens for calls that take too long, answered or not, and refuses those that wait', async () => {
    control.applyBreaker({ ...settings, breakerSlowMs: 100 })
    const line = new CallLine({ queue: 100, queueWaitMs: 10_000, clock })
    control.moveTo(line)
    line.concurrency = 2
    upstream.running = []
    const calls = [make('a'), make('b'), make('c')]
    await settled()
    clock.advance(101)
    for (const end of upstream.running.splice(0)) end()
    await settled()
    for (const end of upstream.running.splice(0)) end()
    expect(await calls[2]?.end).toSatisfy((end: unknown) => end === 'breaker_open' || typeof end === 'object')
    await settled()
    expect(control.state().breaker.state).toBe('open')
    expect(line.running).toBe(0)
    control.breaker('close')
    upstream.running = undefined
    expect(await make('a').end).toMatchObject({ answer: { kind: 'result' } })
  })
})

/** Reads a reply to its end for the error that ends it. */
class ControlledReplyEnd {
  readonly error: Promise<unknown>

  constructor(reply: Reply) {
    this.error = reply.next().then(
      () => undefined,
      (error: unknown) => error,
    )
  }
}

describe('a client that streams', () => {
  /** What a call that waits is told within 12 s. */
  async function toldWithin12s(more: Partial<Call>): Promise<readonly unknown[]> {
    control.pause(60_000)
    const sinceMs = clock.now()
    const others = [make('other'), make('other')]
    const reply = control.call(callOf('a', more), upstream)
    const told: unknown[] = []
    let firstMs = 0
    const read = (async () => {
      for (;;) {
        const step = await reply.next()
        if (step.done === true) return
        told.push(step.value.params?.value)
        if (told.length === 1) firstMs = clock.now() - sinceMs
      }
    })()
    await settled()
    for (let passed = 0; passed < 12; passed++) {
      clock.advance(1000)
      await settled()
    }
    const before = told.length
    expect(before > 0 ? firstMs : 5000).toBe(5000)
    control.resume()
    await Promise.all([read, ...others.map(({ end }) => end)])
    return told.slice(0, before)
  }

  test('is told its place and the wait after 5 s, as progress that rises below that of any server', async () => {
    const message = (s: number): string => `The call waits for its turn: place 2 in line, about ${s} s from now.`
    expect(await toldWithin12s({ progressToken: '"p"' })).toEqual([
      { progressToken: 'p', progress: -1, message: message(55) },
      { progressToken: 'p', progress: -0.5, message: message(50) },
    ])
  })

  test('is told by a log message if it wants no progress, unless it wants none of those either', async () => {
    const told = await toldWithin12s({})
    expect(told).toMatchObject([{ level: 'info', logger: 'mcplex' }, { level: 'info' }])
    expect(await toldWithin12s({ logLevel: 'error' })).toEqual([])
    expect(await toldWithin12s({ session: undefined })).toEqual([])
  })
})
