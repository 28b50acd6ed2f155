/** Calls that wait for their clients in between, and calls that run once more, on a clock that the test moves. */
import { beforeEach, describe, expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { type ManualClock, manualClock } from '../../base/clock.ts'
import { createEvents } from '../../base/events.ts'
import { silentLog } from '../../base/log.ts'
import { Refusal, type RefusalCode } from '../../base/refusal.ts'
import type { Call, InputRequest, Outcome, Reply, Update } from '../../protocol/call.ts'
import { emptyObject } from '../../protocol/json-text.ts'
import type { Answer } from '../../protocol/jsonrpc.ts'
import { CallLine } from './call-line.ts'
import { UpstreamControl } from './upstream-control.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const outcome: Outcome = { answer: { kind: 'result', result: emptyObject }, era: 'legacy', worker: undefined }
const answer: Answer = { kind: 'result', result: emptyObject }

/** A call that the server runs; the test says what becomes of it. */
interface Running {
  readonly call: Call
  /** Responses to input requests that have reached the server. */
  readonly responses: Answer[]
  say(): void
  /** Asks the client something. */
  ask(): InputRequest
  end(how?: RefusalCode | Partial<Outcome>): void
}

class Server {
  readonly calls: Running[] = []

  async *call(call: Call): Reply {
    const updates: Update[] = []
    let how: RefusalCode | Partial<Outcome> | undefined
    let wake = (): void => {}
    const responses: Answer[] = []
    const add = (update: Update): void => {
      updates.push(update)
      wake()
    }
    this.calls.push({
      call,
      responses,
      say: () => add({ kind: 'notification', method: 'notifications/progress', params: emptyObject }),
      ask() {
        const asked: InputRequest = {
          kind: 'input_request',
          method: 'elicitation/create',
          params: emptyObject,
          withdrawn: new Cancel(),
          answer: (given) => void responses.push(given),
        }
        add(asked)
        return asked
      },
      end(given = {}) {
        how = given
        wake()
      },
    })
    const stop = call.cancel.onCancel(() => {
      how = 'cancelled'
      wake()
    })
    try {
      for (;;) {
        const update = updates.shift()
        if (update) yield update
        else if (how === undefined) await new Promise<void>((resolve) => (wake = resolve))
        else if (typeof how === 'string') throw new Refusal(how)
        else return { ...outcome, ...how }
      }
    } finally {
      stop()
    }
  }

  workers = () => []
  recycle = async (): Promise<void> => {}
  counts = () => ({})
}

interface Made {
  readonly end: Promise<Outcome | string>
  readonly cancel: Cancel
  /** What its client was asked, and told. */
  readonly updates: Update[]
}

let clock: ManualClock
let server: Server
let line: CallLine
let control: UpstreamControl
let retried: string[]

const breaker = {
  breakerErrorPercent: 50,
  breakerMinCalls: 2,
  breakerWindowMs: 600_000,
  breakerOpenMs: 1000,
  breakerSlowMs: 100,
}

beforeEach(() => {
  clock = manualClock()
  server = new Server()
  line = new CallLine({ queue: 100, queueWaitMs: 10_000, clock })
  const events = createEvents()
  retried = []
  events.on('callRetried', ({ result }) => retried.push(result))
  control = new UpstreamControl({
    name: 'mine',
    queue: 100,
    line,
    current: () => server,
    isIdempotent: ({ params }) => params?.value['name'] === 'read',
    clock,
    log: silentLog,
    events,
  })
})

function make(session: string, more: Partial<Call> = {}): Made {
  const call: Call = {
    id: '1',
    method: 'tools/call',
    params: { value: { name: 'read' }, text: '{"name":"read"}' },
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
  const updates: Update[] = []
  const end = (async () => {
    try {
      const reply = control.call(call, server)
      for (;;) {
        const step = await reply.next()
        if (step.done === true) return step.value
        updates.push(step.value)
      }
    } catch (error) {
      if (error instanceof Refusal) return error.code
      throw error
    }
  })()
  return { end, cancel: call.cancel, updates }
}

/** The sessions whose calls the server runs, or ran, in their order. */
const ran = (): Array<string | undefined> => server.calls.map(({ call }) => call.session)

function inputRequestOf({ updates }: Made): InputRequest {
  const asked = updates.findLast((update) => update.kind === 'input_request')
  if (!asked) throw new Error('its client was not asked')
  return asked
}

describe('a call that waits for its client', () => {
  beforeEach(() => {
    line.concurrency = 1
  })

  /** A call whose client is asked something. */
  async function asked(session: string): Promise<Made> {
    const made = make(session)
    await settled()
    server.calls.at(-1)?.ask()
    await settled()
    return made
  }

  test('keeps no turn; its response goes to the server with the next one, before calls that have not begun', async () => {
    const first = await asked('a')
    const other = make('b')
    const newcomer = make('c')
    await settled()
    expect(ran()).toEqual(['a', 'b'])
    inputRequestOf(first).answer(answer)
    await settled()
    expect(server.calls[0]?.responses, 'the server works on another call').toEqual([])
    expect(control.state().waiting).toBe(2)
    server.calls[1]?.end()
    await settled()
    expect(server.calls[0]?.responses).toEqual([answer])
    expect(ran()).toEqual(['a', 'b'])
    server.calls[0]?.end()
    await settled()
    expect(ran()).toEqual(['a', 'b', 'c'])
    server.calls[2]?.end()
    for (const { end } of [first, other, newcomer]) expect(await end).toMatchObject(outcome)
    expect(line.running).toBe(0)
  })

  test('goes on at once if as many calls do not run', async () => {
    const first = await asked('a')
    expect(line.running).toBe(0)
    inputRequestOf(first).answer(answer)
    expect(server.calls[0]?.responses).toEqual([answer])
    expect(line.running).toBe(1)
    server.calls[0]?.end()
    await first.end
    expect(line.running).toBe(0)
  })

  test('has the next turn only every other time while calls wait that have not begun', async () => {
    const asking = [await asked('a'), await asked('a'), await asked('a')]
    const others = [make('b'), make('b'), make('b')]
    await settled()
    for (const made of asking) inputRequestOf(made).answer(answer)
    const order: string[] = []
    for (let turn = 0; turn < 6; turn++) {
      await settled()
      const running = server.calls.find(
        (call) =>
          !order.includes(String(server.calls.indexOf(call))) &&
          (server.calls.indexOf(call) > 2 || call.responses.length > 0),
      )
      order.push(String(server.calls.indexOf(running as Running)))
      running?.end()
    }
    expect(order).toEqual(['3', '0', '4', '1', '5', '2'])
    await Promise.all([...asking, ...others].map(({ end }) => end))
  })

  test('goes on beside others when it has waited for as long as a call may', async () => {
    const first = await asked('a')
    const other = make('b')
    await settled()
    inputRequestOf(first).answer(answer)
    clock.advance(9999)
    expect(server.calls[0]?.responses).toEqual([])
    clock.advance(1)
    expect(server.calls[0]?.responses).toEqual([answer])
    expect(line.running).toBe(2)
    for (const call of server.calls) call.end()
    await Promise.all([first.end, other.end])
    expect(line.running).toBe(0)
  })

  test('that was asked several things takes its turn with the last response, or when the last request is withdrawn', async () => {
    const first = await asked('a')
    server.calls[0]?.ask()
    await settled()
    const [one, two] = first.updates as [InputRequest, InputRequest]
    one.answer(answer)
    expect(server.calls[0]?.responses).toEqual([answer])
    expect(line.running).toBe(0)
    two.withdrawn.cancel('no longer')
    expect(line.running).toBe(1)
    server.calls[0]?.end()
    await first.end
    expect(line.running).toBe(0)
  })

  test('gives its place up when it is cancelled or fails, and every response reaches the server once', async () => {
    const [first, second] = [await asked('a'), await asked('b')]
    const other = make('c')
    await settled()
    for (const made of [first, second]) inputRequestOf(made).answer(answer)
    first.cancel.cancel('gone')
    server.calls[1]?.end('upstream_closed')
    expect([await first.end, await second.end]).toEqual(['cancelled', 'upstream_closed'])
    expect(server.calls.map(({ responses }) => responses.length)).toEqual([1, 1, 0])
    expect([line.running, control.state().waiting]).toEqual([1, 0])
    server.calls[2]?.end()
    await other.end
    expect(line.running).toBe(0)
  })

  test('is not slow for the breaker, nor is one that waits for a worker', async () => {
    line.concurrency = 10
    control.applyBreaker(breaker)
    for (const session of ['a', 'b', 'c']) {
      const made = await asked(session)
      clock.advance(500)
      inputRequestOf(made).answer(answer)
      clock.advance(90)
      server.calls.at(-1)?.end()
      await made.end
      const waits = make(session)
      await settled()
      clock.advance(500)
      server.calls.at(-1)?.end({ queueMs: 450 })
      await waits.end
      await settled()
    }
    expect(control.state().breaker.state).toBe('closed')
    for (const session of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const made = await asked(session)
      clock.advance(500)
      inputRequestOf(made).answer(answer)
      clock.advance(101)
      server.calls.at(-1)?.end()
      await made.end
      await settled()
    }
    expect(control.state().breaker.state).toBe('open')
  })
})

test('the next round of a call takes a turn before calls that have not begun, and is held by nothing', async () => {
  line.concurrency = 1
  const first = make('a')
  const newcomer = make('b')
  const round = make('c', { worker: 'instance.1' })
  await settled()
  expect(ran()).toEqual(['a'])
  server.calls[0]?.end()
  await settled()
  expect(ran()).toEqual(['a', 'c'])
  const gone = make('d', { worker: 'instance.1' })
  gone.cancel.cancel('gone')
  expect(await gone.end).toBe('cancelled')
  control.pause(60_000)
  server.calls[1]?.end()
  await round.end
  const late = make('d', { worker: 'instance.1' })
  await settled()
  expect(ran()).toEqual(['a', 'c', 'd'])
  server.calls[2]?.end()
  control.resume()
  await settled()
  server.calls[3]?.end()
  await Promise.all([first.end, newcomer.end, late.end])
  expect(line.running).toBe(0)
})

describe('a call whose worker ends', () => {
  beforeEach(() => {
    control.applyRetries({ retryIdempotent: true, callIdleMs: 1000, callTotalMs: 2000 })
  })

  test('runs once more, for as long as it has left, keeps its turn, and is counted', async () => {
    line.concurrency = 1
    const call = make('a')
    const other = make('b')
    await settled()
    clock.advance(300)
    server.calls[0]?.end('upstream_closed')
    await settled()
    expect(ran()).toEqual(['a', 'a'])
    expect(server.calls[1]?.call.tookMs).toBe(300)
    server.calls[1]?.say()
    server.calls[1]?.end()
    expect(await call.end).toMatchObject(outcome)
    expect(call.updates).toHaveLength(1)
    await settled()
    server.calls[2]?.end()
    await other.end
    expect(retried).toEqual(['answered'])
    expect(control.counts()).toMatchObject({ retriedCalls: 1 })
    expect(line.running).toBe(0)
  })

  test('runs no third time; if the second run was not sent, the error of the first tells that it may have run', async () => {
    for (const [second, told] of [
      ['upstream_closed', 'upstream_closed'],
      ['upstream_timeout', 'upstream_timeout'],
      ['overloaded', 'upstream_closed'],
      ['upstream_unavailable', 'upstream_closed'],
    ] as const) {
      const before = server.calls.length
      const call = make('a')
      await settled()
      server.calls.at(-1)?.end('upstream_closed')
      await settled()
      server.calls.at(-1)?.end(second)
      expect(await call.end).toBe(told)
      expect(server.calls.length - before).toBe(2)
    }
    expect(retried).toEqual(['failed', 'failed', 'failed', 'failed'])
  })

  const write = { value: { name: 'write' }, text: '{"name":"write"}' }
  test.each<[string, Partial<Call>, ((call: Made) => void) | undefined]>([
    ['may change something', { params: write }, undefined],
    ['goes on at a certain worker', { worker: 'instance.1' }, undefined],
    ['belongs to others at a worker', { reservation: { lease: undefined } }, undefined],
    ['has said something', {}, () => server.calls[0]?.say()],
    ['has asked its client', {}, () => server.calls[0]?.ask()],
    ['has used up its time', {}, () => clock.advance(1000)],
    ['is paused by its operator', {}, () => control.pause(1000)],
    ['is disabled by its operator', {}, () => control.disable()],
    ['has its breaker held open', {}, () => control.breaker('open')],
    [
      'is not to run again any more',
      {},
      () => control.applyRetries({ retryIdempotent: false, callIdleMs: 1000, callTotalMs: 2000 }),
    ],
  ])('is told so if it %s', async (_name, more, meanwhile) => {
    const call = make('a', more)
    await settled()
    meanwhile?.(call)
    await settled()
    server.calls[0]?.end('upstream_closed')
    expect(await call.end).toBe('upstream_closed')
    expect([server.calls.length, retried]).toEqual([1, []])
  })

  test('does not run again for another error, nor if it was cancelled; a cancelled second run is over', async () => {
    for (const code of ['worker_memory', 'upstream_timeout', 'upstream_invalid', 'result_too_large'] as const) {
      const call = make('a')
      await settled()
      server.calls.at(-1)?.end(code)
      expect(await call.end).toBe(code)
    }
    expect(server.calls).toHaveLength(4)
    const gone = make('a')
    await settled()
    gone.cancel.cancel('gone')
    expect(await gone.end).toBe('cancelled')
    expect(server.calls).toHaveLength(5)
    const late = make('a')
    await settled()
    server.calls.at(-1)?.end('upstream_closed')
    await settled()
    late.cancel.cancel('gone')
    expect(await late.end).toBe('cancelled')
    expect(server.calls).toHaveLength(7)
    expect(retried).toEqual(['cancelled'])
  })

  test('counts for the breaker with both runs; the call that is let through is not run again', async () => {
    control.applyBreaker({ ...breaker, breakerMinCalls: 4, breakerSlowMs: 0 })
    const calls = ['a', 'b'].map((session) => make(session))
    await settled()
    for (const call of server.calls.slice(0, 2)) call.end('upstream_closed')
    await settled()
    for (const call of server.calls.slice(2, 4)) call.end('upstream_closed')
    await Promise.all(calls.map(({ end }) => end))
    await settled()
    expect(control.state().breaker.state).toBe('open')
    clock.advance(2000)
    const trial = make('a')
    await settled()
    server.calls.at(-1)?.end('upstream_closed')
    expect(await trial.end).toBe('upstream_closed')
    expect(server.calls).toHaveLength(5)
  })
})
