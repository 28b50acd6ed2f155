/**
 * An attack on the memory of a target, and what has to hold during it and after it: see `expectBounded`.
 */
import { expect } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { openSession, type Session } from '../support/session.ts'
import type { Target } from './target.ts'

const mebibyte = 1024 ** 2
const callEveryMs = 25

/**
 * Attacks, and expects that
 * - the memory of the target never grows beyond what it is at rest, twice the budget and 64 MiB,
 * - a session that was there before is served all the time,
 * - afterwards the target counts no more bytes than before, and its heap is within 10 % of before.
 *
 * The target should have short lifetimes: what the attack leaves behind must be over within some seconds.
 * @param attack run at a small scale first, so that what is loaded and compiled once is not taken for a leak. It leaves
 * nothing open when it resolves
 */
export async function expectBounded(target: Target, attack: (scale: number) => Promise<void>): Promise<void> {
  const bystander = await openSession(target.url)
  await bystander.request('tools/list')
  await bystander.text('echo', { text: 'here' })
  const heldAtRest = await target.heldBytes()
  const isAtRest = async (): Promise<boolean> => (await target.heldBytes()) <= heldAtRest

  const calls = keepCalling(bystander)
  try {
    await attack(0.1)
    await eventually('nothing kept of the attack at a small scale', isAtRest)
    const heapBefore = await target.heapBytes()
    const rssAtRest = target.rssBytes()

    target.forgetPeak()
    const servedBefore = calls.served
    await attack(1)
    const grown = target.peakBytes() - rssAtRest
    expect(calls.failures, 'calls of a bystander').toEqual([])
    expect(calls.served, 'calls of a bystander during the attack').toBeGreaterThan(servedBefore)
    expect(grown / mebibyte, 'MiB above rest').toBeLessThan((2 * target.budgetBytes) / mebibyte + 64)

    await eventually('nothing kept of the attack', isAtRest)
    let heap = Number.POSITIVE_INFINITY
    await eventually(`a heap as before, ${heapBefore} bytes`, async () => {
      heap = await target.heapBytes()
      return heap < heapBefore * 1.1
    }).catch((error: unknown) => {
      throw new Error(`the heap was ${heapBefore} bytes before the attack and is ${heap} bytes now`, { cause: error })
    })
  } finally {
    await calls.stop()
  }
}

interface Calls {
  readonly served: number
  /** What was answered instead of the text that was asked for. */
  readonly failures: readonly string[]
  stop(): Promise<void>
}

/** Calls one after the other, as a client that has nothing to do with the attack. */
function keepCalling(session: Session): Calls {
  const failures: string[] = []
  let served = 0
  let isOver = false
  const run = async (): Promise<void> => {
    while (!isOver) {
      try {
        const text = await session.text('echo', { text: `call ${served}` })
        if (text === `call ${served}`) served++
        else failures.push(text)
      } catch (error) {
        failures.push(String(error))
      }
      await new Promise((resolve) => setTimeout(resolve, callEveryMs))
    }
  }
  const running = run()
  return {
    get served() {
      return served
    },
    failures,
    async stop() {
      isOver = true
      await running
    },
  }
}
