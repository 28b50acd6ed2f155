/** Requests of our own on a connection (handshakes, lists, pings, listens) that wait for responses. */
import type { Clock } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Answer } from '../../protocol/jsonrpc.ts'

interface InternalRequest {
  /** Undefined for a request that stays open until the worker ends it. */
  readonly method: string | undefined
  answer(answer: Answer): void
  fail(error: Error): void
}

export class InternalRequests {
  readonly #clock: Clock
  readonly #open = new Map<number, InternalRequest>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The answer to a request. Rejects with `upstream_timeout`, or with the error given to `fail` or `failAll`. */
  wait(id: number, method: string, timeoutMs: number): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const timedOut = (): void => {
        if (this.#open.delete(id)) reject(new Refusal('upstream_timeout'))
      }
      // If the event loop was blocked past this timer, the answer may be there unread: `setImmediate` lets it be read first.
      const timer = this.#clock.after(timeoutMs, () => void setImmediate(timedOut))
      const over = (): void => {
        timer.stop()
        this.#open.delete(id)
      }
      this.#open.set(id, {
        method,
        answer(answer) {
          over()
          resolve(answer)
        },
        fail(error) {
          over()
          reject(error)
        },
      })
    })
  }

  /** Registers a request without a deadline: `ended` is called if the worker ends it. */
  keepOpen(id: number, ended: () => void): void {
    const forget = (): void => void this.#open.delete(id)
    this.#open.set(id, {
      method: undefined,
      answer() {
        forget()
        ended()
      },
      fail: forget,
    })
  }

  /** Removes a request; false if it was over already. */
  forget(id: number): boolean {
    return this.#open.delete(id)
  }

  /** The method of a request that waits for an answer. */
  methodOf(id: number): string | undefined {
    return this.#open.get(id)?.method
  }

  /** The ids of the requests that wait for an answer. */
  *waiting(): Generator<number> {
    for (const [id, { method }] of this.#open) if (method !== undefined) yield id
  }

  /** Settles a request; false if there is none with this id. */
  answer(id: number, answer: Answer): boolean {
    const internalRequest = this.#open.get(id)
    internalRequest?.answer(answer)
    return internalRequest !== undefined
  }

  /** Rejects a request, if there is one with this id. */
  fail(id: number, error: Error): void {
    this.#open.get(id)?.fail(error)
  }

  failAll(error: Error): void {
    for (const internalRequest of [...this.#open.values()]) internalRequest.fail(error)
  }
}
