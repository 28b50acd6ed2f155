/** What both outputs of a session promise to those who do not ask which one it is. */
import { describe, expect, test } from 'vitest'
import { createMemoryBackplane } from '../backplane/memory.ts'
import { Cancel } from '../base/cancel.ts'
import { manualClock } from '../base/clock.ts'
import { CoarseTimers } from '../base/coarse-timers.ts'
import { createEvents } from '../base/events.ts'
import { createLease } from '../base/lease.ts'
import { createMemoryBudget } from '../base/memory-budget.ts'
import { journalledOutput } from './journalled-output.ts'
import { createJournalledStreams } from './journalled-streams.ts'
import type { LiveSession } from './live-session.ts'
import { createLiveStream } from './live-stream.ts'
import type { SessionSettings } from './options.ts'
import type { SessionOutput } from './session-output.ts'
import { createSessions } from './sessions.ts'

const settings: SessionSettings = {
  idleTimeoutMs: 60_000,
  idleTimeoutIsFinal: false,
  maxSessionMs: 600_000,
  handshakeTimeoutMs: 30_000,
  evictIdleMs: 60_000,
  answerTimeoutMs: 600_000,
  eventsPerStream: 4,
  bytesPerStream: 1024,
  retentionMs: 0,
  keepAliveMs: 15_000,
  slowReaderMs: 30_000,
  stateBytes: 65_536,
}

interface Opened {
  readonly liveSession: LiveSession
  readonly output: SessionOutput
  /** Opens the stream of the client, and reads it to its end: the data of its events. */
  read(): Promise<readonly string[]>
  end(): Promise<void>
  heldBytes(): number
}

async function open(kind: SessionOutput['kind']): Promise<Opened> {
  const clock = manualClock()
  const timers = new CoarseTimers(clock)
  const memory = createMemoryBudget(10_000_000)
  const backplane = createMemoryBackplane({ clock, memory })
  const { journals } = backplane
  const expiredText = (): string => 'lost'
  const { createOutput } = createJournalledStreams({ journals, settings, memory, timers, clock, expiredText })
  const events = createEvents()
  const [ping, onEnd] = [() => undefined, () => undefined]
  const sessions = createSessions({ backplane, memory, settings, clock, events, createOutput, ping, onEnd })
  const bounds = { chars: settings.bytesPerStream, events: settings.eventsPerStream }
  const stream = createLiveStream({
    firstEvent: ': here\n\n',
    loss: 'lost',
    bounds: { near: bounds, far: bounds },
    memory: memory.account(),
    keepAliveMs: settings.keepAliveMs,
    timers,
    closed: new Cancel(),
    onOver: () => undefined,
  })
  const liveSession = await sessions.open(
    { tenant: 'acme', subject: 'ada' },
    { era: 'legacy', version: '2025-03-26', capabilities: {}, info: undefined },
    createLease(() => undefined),
    kind === 'live' ? { output: stream } : {},
  )
  return {
    liveSession,
    output: liveSession.output,
    async read() {
      const pieces = kind === 'live' ? stream.read() : await journalledOutput(liveSession).listen(false, new Cancel())
      let text = ''
      for await (const piece of pieces) text += piece
      return [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => data)
    },
    end: () => sessions.end(liveSession, 'client'),
    heldBytes: () => memory.heldBytes,
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe.each(['journalled', 'live'] as const)('a %s output', (kind) => {
  test('is chosen when the session opens', async () => {
    const { output, liveSession } = await open(kind)
    expect([output.kind, liveSession.view(0).output]).toEqual([kind, kind])
  })

  test('sends messages in order to the open stream of the client, and is read', async () => {
    const { output, read, end } = await open(kind)
    const messages = read()
    await turn()
    expect(output.isRead).toBe(true)
    for (const text of ['"one"', '"two"', '"three"']) {
      output.send(text)
      await turn()
    }
    await end()
    expect(await messages).toEqual(['"one"', '"two"', '"three"'])
  })

  test('tells the client of messages that could not be kept', async () => {
    const { output, read, end } = await open(kind)
    const large = `"${'x'.repeat(600)}"`
    for (let i = 0; i < 600; i++) output.send(i < 300 ? large : '"small"')
    const messages = read()
    await turn()
    await end()
    expect(await messages).toContain('lost')
  })

  test('ends with its session: the stream ends, nothing is sent or held any more, and no call of it throws', async () => {
    const { output, read, end, heldBytes } = await open(kind)
    const messages = read()
    await turn()
    await end()
    expect(await messages).toEqual([])
    output.end()
    output.send('"late"')
    await turn()
    expect([output.isRead, heldBytes()]).toEqual([false, 0])
  })
})

test('a session over HTTP+SSE has no streams of Streamable HTTP', async () => {
  const { liveSession } = await open('live')
  expect(() => journalledOutput(liveSession)).toThrow(expect.objectContaining({ code: 'session_not_found' }))
})
