/**
 * The changes of the states of sessions that the handlers of a module want: one after the other for each session. Those
 * that wait are applied together to one read state and written once, so that many changes at once cost as many steps.
 * Compare-and-set is left for writers elsewhere: other instances, and a module that replaces this one.
 */
import type { Clock } from '../../base/clock.ts'
import { LoopTurns } from '../../base/loop-turns.ts'
import { principalKey } from '../../protocol/call.ts'
import { outside } from '../../use-call/call-scope.ts'
import type { CallerFacts, ToolSessionState, ToolSessions } from './object-host.ts'
import type { SessionChange } from './session-change.ts'
import { StateDraft } from './state-draft.ts'

/** How many changes of one session may wait, and how many bytes of new values with them. */
export const maxWaiting = 10_000
const maxWaitingBytes = 32 * 1024 ** 2
/** How many changes are applied to a state before it is written. */
export const maxBatch = 64
/** How long changes of all sessions keep the event loop before others have their turn, in milliseconds. */
const turnMs = 5
/** How often a batch is tried again because others write the state of the session at the same time. */
const maxAttempts = 1000

/** The changes of one session that wait, and those being written. */
interface Queue {
  readonly facts: CallerFacts
  waiting: SessionChange[]
  size: number
  bytes: number
  /** How many of the first ones are to be written each for itself, because together they are refused. */
  alone: number
  conflicts: number
}

export class StateChanges {
  readonly #sessions: ToolSessions
  readonly #turns: LoopTurns
  readonly #queues = new Map<string, Queue>()
  #size = 0
  #isUsed = false

  constructor(sessions: ToolSessions, clock: Clock) {
    this.#sessions = sessions
    this.#turns = new LoopTurns(clock, turnMs)
  }

  /** Figures for operators. */
  counts(): Readonly<Record<string, number>> {
    return this.#isUsed ? { waitingStateChanges: this.#size } : {}
  }

  /**
   * Adds a change to the end of the queue of its session. Throws an error in words for the author of the module if too many
   * wait. The change is settled when it is stored, or cannot be.
   */
  add(facts: CallerFacts, change: SessionChange): void {
    const key = JSON.stringify([...principalKey(facts), facts.session])
    const found = this.#queues.get(key)
    const queue = found ?? { facts, waiting: [], size: 0, bytes: 0, alone: 0, conflicts: 0 }
    // A single value is bounded by the size of the state.
    if (queue.size >= maxWaiting || (queue.size > 0 && queue.bytes + change.bytes > maxWaitingBytes))
      throw new Error(
        `session: ${queue.size} changes of its state wait already; await their promises before others are begun`,
      )
    queue.waiting.push(change)
    queue.size++
    queue.bytes += change.bytes
    this.#size++
    this.#isUsed = true
    change.onSettled = () => {
      queue.size--
      queue.bytes -= change.bytes
      this.#size--
    }
    if (found) return
    this.#queues.set(key, queue)
    void outside(() => this.#drain(key, queue))
  }

  /** Never rejects. */
  async #drain(key: string, queue: Queue): Promise<void> {
    try {
      if (this.#turns.isSpent) await this.#turns.next()
      while (queue.waiting.length > 0) {
        await this.#write(queue)
        if (queue.waiting.length > 0) await this.#turns.next()
      }
    } catch (error) {
      // The session has ended, or its state cannot be read.
      for (const change of queue.waiting) change.reject(error)
    } finally {
      this.#queues.delete(key)
    }
  }

  /** Applies the first changes to the state and stores it. Rejects if the state cannot be read. */
  async #write(queue: Queue): Promise<void> {
    const { facts } = queue
    const stored = await this.#sessions.read(facts)
    const { draft, applied } = this.#apply(queue, stored)
    if (applied.length === 0) return
    try {
      const outcome = draft.isChanged ? await this.#sessions.replace(facts, draft.values, stored.version) : 'stored'
      if (outcome === 'stored') settle(queue, applied, (change) => change.resolve())
      else if (outcome === 'conflict') again(queue, applied)
      else if (applied.length > 1) {
        queue.alone = applied.length
        queue.waiting.unshift(...applied)
      } else throw new Error('there is no memory for the state of the session')
    } catch (error) {
      settle(queue, applied, (change) => change.reject(error))
    }
  }

  /** Applies as many changes as a batch and the turn of the loop have room for. One that throws is rejected at once. */
  #apply(queue: Queue, { values, maxBytes }: ToolSessionState): { draft: StateDraft; applied: SessionChange[] } {
    const { waiting } = queue
    const most = queue.alone > 0 ? 1 : Math.min(maxBatch, waiting.length)
    // A change for itself is measured where it is stored.
    const draft = new StateDraft(values, most > 1 ? maxBytes : undefined)
    const applied: SessionChange[] = []
    let taken = 0
    for (const change of waiting) {
      if (taken > 0 && (taken >= most || this.#turns.isSpent)) break
      taken++
      if (change.apply(draft)) applied.push(change)
      else queue.alone = Math.max(0, queue.alone - 1)
    }
    // What a change has added to the queue meanwhile is at its end.
    queue.waiting.splice(0, taken)
    return { draft, applied }
  }
}

function settle(queue: Queue, applied: readonly SessionChange[], end: (change: SessionChange) => void): void {
  queue.alone = Math.max(0, queue.alone - applied.length)
  queue.conflicts = 0
  for (const change of applied) end(change)
}

/** Others have written the state meanwhile: the changes are applied to what it is now. */
function again(queue: Queue, applied: readonly SessionChange[]): void {
  if (++queue.conflicts >= maxAttempts) throw new Error('session: others change its state at the same time')
  queue.waiting.unshift(...applied)
}
