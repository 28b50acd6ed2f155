/** Counts the memory of a text that arrives in pieces, until the text is handed on. */
import { bytesOf, reserve, type MemoryAccount, Portion } from './memory-budget.ts'

export class ArrivingText {
  readonly #held: Portion
  #chars = 0
  #isWide = false

  constructor(of: MemoryAccount) {
    this.#held = new Portion(of)
  }

  /** Counts a piece before it is kept. Throws `memory_share_exceeded` or `overloaded` if there is no room for it. */
  add(piece: string): void {
    let bytes = bytesOf(piece)
    // One character outside of Latin-1 makes the whole text wide, including the pieces before it.
    if (this.#isWide) bytes = piece.length * 2
    else if (bytes > piece.length) bytes += this.#chars
    reserve(this.#held, bytes)
    this.#isWide ||= bytes > piece.length
    this.#chars += piece.length
  }

  /** Gives back the memory of a part that was handed on. */
  release(part: string): void {
    const bytes = this.#isWide ? part.length * 2 : part.length
    this.#held.release(bytes)
    this.#chars = Math.max(0, this.#chars - part.length)
  }

  /** Gives back the memory of everything but the last `chars` characters. */
  keepLast(chars: number): void {
    this.#chars = Math.min(chars, this.#chars)
    this.#held.release(this.#held.heldBytes - Math.min(this.#held.heldBytes, this.#chars * (this.#isWide ? 2 : 1)))
    this.#isWide &&= this.#chars > 0
  }

  /** The whole text was handed on or dropped: gives back the rest. */
  end(): void {
    this.#held.close()
  }
}
