/**
 * An attack on the memory of a target, and what has to hold during it and after it: see `expectBounded`.
 */
import { expect } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { openSession, type Session } from '../support/session.ts'
import { boundsFor, type Target } from './target.ts'

const mebibyte = 1024 ** 2
const callEveryMs = 25
/** What a bystander takes at most: its session, a call, and the names of streams that slow calls of its were. */
const bystanderBytes = 96 * 1024

/**
 * Attacks, and expects that
 * - what the target has in use never grows beyond what it is at rest and twice the budget, and what is resident not beyond
 *   what V8 may make of that (`boundsFor`),
 * - a session that was there before is served all the time,
 * - afterwards the target counts no more bytes than before, and its heap is within 10 % of before.
 *
 * The target should have short lifetimes: what the attack leaves behind must be over within some seconds.
 * @param attack run at a small scale first, so that what is loaded and compiled once is not taken for a leak. It leaves
 * nothing open when it resolves
 * @param hostBytes what the host of a handler may keep itself, which mcplex cannot see
 */
export async function expectBounded(
  target: Target,
  attack: (scale: number) => Promise<void>,
  hostBytes = 0,
): Promise<void> {
  const heldAtRest = await restOf(target)
  const holds = async (bytes: number): Promise<boolean> => (await target.heldBytes()) <= heldAtRest + bytes
  const bystander = await openBystander(target)

  const calls = keepCalling(bystander)
  try {
    await attack(0.1)
    await eventually('nothing kept of the attack at a small scale', () => holds(bystanderBytes))
    const heapBefore = (await target.inUse()).bytes
    const rssAtRest = target.rssBytes()

    const servedBefore = calls.served
    target.forgetPeak()
    await attack(1)
    const residentBytes = target.peakBytes() - rssAtRest
    const inUseBytes = (await target.inUse()).mostBytes - heapBefore
    // An attack may be shorter than a call on a slow machine: the call that it has met must still be served.
    await eventually('a call of a bystander since the attack began', () => calls.served > servedBefore)
    expect(calls.failures, 'calls of a bystander').toEqual([])
    const { inUseMiB, residentMiB } = boundsFor(target.budgetBytes / mebibyte)
    const hostMiB = hostBytes / mebibyte
    expect(inUseBytes / mebibyte, 'MiB in use above rest').toBeLessThan(inUseMiB + hostMiB)
    expect(residentBytes / mebibyte, 'MiB resident above rest').toBeLessThan(residentMiB + hostMiB)

    await calls.stop()
    await bystander.end()
    await eventually('nothing kept of the attack', () => holds(0))
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

/**
 * The bytes counted with no session: what is kept of a list is made by the first clients that ask for it, so sessions come
 * and go until one of them adds nothing.
 */
async function restOf(target: Target): Promise<number> {
  let before = -1
  return eventually('a session that leaves nothing', async () => {
    const session = await openBystander(target)
    await session.end()
    const held = await target.heldBytes()
    const isSame = held === before
    before = held
    return isSame && held
  })
}

/** A session that has listed the tools and called one. */
async function openBystander(target: Target): Promise<Session> {
  const session = await openSession(target.url)
  await session.request('tools/list')
  await session.text('echo', { text: 'here' })
  return session
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
