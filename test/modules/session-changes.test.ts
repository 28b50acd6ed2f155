/** Many changes of the state of one session at once: none is lost, and others are served meanwhile. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startUpstreams } from '../support/in-process.ts'
import { openSession } from '../support/session.ts'

const fixtures = join(import.meta.dirname, '../fixtures')
const module = join(fixtures, 'modules/caller.mjs')
const echo = { command: process.execPath, args: [join(fixtures, 'echo-legacy.mjs')] }

/** What the tool `storm` says. */
interface Storm {
  readonly made: number
  readonly sum: number
}

test.each([
  ['in the same thread', false],
  ['in a thread of its own', true],
])(
  'others are answered while 2,000 changes of one session are made at any time (module %s)',
  async (_where, isolate) => {
    const { url, counts } = await startUpstreams({ mine: { module, isolate }, other: echo })
    const [session, other, neighbour] = await Promise.all([openSession(url), openSession(url), openSession(url)])
    await other.text('other__echo', { text: 'ready' })
    const storm = session.text('mine__storm', { times: 2000, goesOn: true })
    await eventually('changes to wait', async () => ((await counts())['waitingStateChanges'] ?? 0) > 1000)
    for (let round = 1; round <= 5; round++) {
      expect(await other.text('other__echo', { text: 'hello' })).toContain('hello')
      expect(await neighbour.text('mine__count', { times: 1 })).toBe(`[${round}]`)
    }
    expect(await neighbour.text('mine__end-storm')).toBe('over')
    const { made, sum } = JSON.parse(await storm) as Storm
    expect(sum).toBe(made)
    expect(made).toBeGreaterThan(2000)
    await eventually('no change to wait', async () => (await counts())['waitingStateChanges'] === 0)
  },
)

test.each([false, true])(
  '2,000 changes of one session in parallel calls are all made (isolate: %s)',
  async (isolate) => {
    const { url } = await startUpstreams({ mine: { module, isolate } })
    const session = await openSession(url)
    const calls = Array.from({ length: 40 }, () => session.text('storm', { times: 50 }))
    const sums = (await Promise.all(calls)).map((text) => JSON.parse(text) as Storm)
    expect(sums.every(({ made }) => made === 50)).toBe(true)
    expect(Math.max(...sums.map(({ sum }) => sum))).toBe(2000)
  },
)
