/**
 * What a server object sends while it is held back. It waits here, and the `send` of the SDK with it, so that a tool that
 * awaits its notifications waits as well. Beyond the bound everything goes on: the bound of the call then ends the call.
 */
const maxMessages = 1000
const maxChars = 1024 * 1024

export class HeldMessages {
  readonly #pass: (text: string, callId?: number) => void
  #waiting: Array<{ readonly text: string; readonly callId: number | undefined; readonly sent: () => void }> = []
  #chars = 0
  #isHeld = false
  /** That of all messages that are passed on at once. */
  readonly #passed = Promise.resolve()

  constructor(pass: (text: string, callId?: number) => void) {
    this.#pass = pass
  }

  /** Passes a message on, or keeps it while the object is held back. Resolves when it was passed on. */
  send(text: string, callId?: number): Promise<void> {
    if (!this.#isHeld || this.#waiting.length >= maxMessages || this.#chars >= maxChars) {
      this.#release()
      this.#pass(text, callId)
      return this.#passed
    }
    this.#chars += text.length
    return new Promise((sent) => this.#waiting.push({ text, callId, sent }))
  }

  hold(isHeld: boolean): void {
    this.#isHeld = isHeld
    if (!isHeld) this.#release()
  }

  /** The object is over: what waits is dropped. */
  drop(): void {
    this.#isHeld = false
    this.#chars = 0
    for (const { sent } of this.#waiting.splice(0)) sent()
  }

  #release(): void {
    if (this.#waiting.length === 0) return
    this.#chars = 0
    for (const { text, callId, sent } of this.#waiting.splice(0)) {
      this.#pass(text, callId)
      sent()
    }
  }
}
