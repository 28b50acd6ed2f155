/**
 * The turn of a call that may wait for its client in between: it is given back when the client is asked for input, and
 * taken again before the last response goes to the server. So people who think about an answer keep no turn from others,
 * and the server never works on more calls than may run.
 */
import type { Clock } from '../../base/clock.ts'
import type { Call, InputRequest } from '../../protocol/call.ts'
import type { CallTurn } from './call-turn.ts'

export interface HeldTurnNeeds {
  readonly clock: Clock
  /** Has `give` called with the next turn for a call that has begun, perhaps at once. Returns a function that ends the wait. */
  readonly resume: (call: Call, give: (turn: CallTurn) => void) => () => void
}

export class HeldTurn {
  readonly #needs: HeldTurnNeeds
  readonly #call: Call
  #turn: CallTurn | undefined
  /** Input requests without a response. */
  #open = 0
  /** Responses for the server that wait for the turn. */
  readonly #responses: Array<() => void> = []
  #endWait: (() => void) | undefined
  #isOver = false
  #hasWaited = false
  #withoutSinceMs = 0
  #waitedMs = 0

  constructor(turn: CallTurn, call: Call, needs: HeldTurnNeeds) {
    this.#turn = turn
    this.#call = call
    this.#needs = needs
  }

  /** How long the call has had no turn since it began, in milliseconds. */
  get waitedMs(): number {
    return this.#waitedMs + (this.#turn || this.#isOver ? 0 : this.#needs.clock.now() - this.#withoutSinceMs)
  }

  /** The client is asked. Returns the input request to be passed on in place of this one. */
  asked(inputRequest: InputRequest): InputRequest {
    this.#open++
    this.#giveBack()
    let isOpen = true
    const close = (respond: () => void): void => {
      const wasOpen = isOpen
      isOpen = false
      if (!wasOpen || this.#isOver || --this.#open > 0) respond()
      else this.#resume(respond)
    }
    inputRequest.withdrawn.onCancel(() => close(() => {}))
    return { ...inputRequest, answer: (answer, expired) => close(() => inputRequest.answer(answer, expired)) }
  }

  /**
   * The call is over.
   * @param isMeasured whether its time counts as what calls usually take, if it never waited for its client
   * @param queueMs how much of that it waited for a worker, in milliseconds
   */
  end(isMeasured: boolean, queueMs: number): void {
    if (this.#isOver) return
    this.#waitedMs = this.waitedMs
    this.#isOver = true
    this.#endWait?.()
    this.#turn?.end(isMeasured && !this.#hasWaited, queueMs)
    this.#respond()
  }

  #giveBack(): void {
    if (!this.#turn) return
    this.#turn.end(false)
    this.#turn = undefined
    this.#hasWaited = true
    this.#withoutSinceMs = this.#needs.clock.now()
  }

  #resume(respond: () => void): void {
    this.#responses.push(respond)
    if (this.#endWait || this.#turn) return
    let isGiven = false
    const endWait = this.#needs.resume(this.#call, (turn) => {
      isGiven = true
      this.#endWait = undefined
      // Its client was asked something else meanwhile.
      if (this.#open > 0) turn.end(false)
      else {
        this.#waitedMs = this.waitedMs
        this.#turn = turn
      }
      this.#respond()
    })
    if (!isGiven) this.#endWait = endWait
  }

  #respond(): void {
    for (const respond of this.#responses.splice(0)) respond()
  }
}
