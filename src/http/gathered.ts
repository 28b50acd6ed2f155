/**
 * The bytes of a body as they arrive. Promises that what is kept for them is in proportion to how many they are, however
 * small the pieces: a piece of one byte costs a hundred times that as an object of its own. What arrives in one piece
 * is not copied.
 */
import { isUtf8 } from 'node:buffer'
import { Refusal } from '../base/refusal.ts'

const leastRoom = 1024
const byteOrderMark = 0xfeff

export class Gathered {
  /** How many there are. */
  size = 0
  #kept: Uint8Array | undefined
  /** Whether what is kept is room of our own, for more than there is. */
  #isOurs = false

  add(piece: Uint8Array): void {
    const size = this.size + piece.byteLength
    if (this.#kept === undefined) this.#kept = piece
    else {
      if (!this.#isOurs || size > this.#kept.byteLength) this.#grow(Math.max(size, this.size * 2, leastRoom))
      this.#kept.set(piece, this.size)
    }
    this.size = size
  }

  /** Forgets them. */
  drop(): void {
    this.#kept = undefined
  }

  /**
   * The text that they are; forgets them.
   * @throws Refusal `parse_error` if they are not UTF-8
   */
  text(): string {
    const kept = this.#kept
    this.drop()
    return kept === undefined ? '' : textOf(kept.subarray(0, this.size))
  }

  #grow(bytes: number): void {
    const room = Buffer.allocUnsafeSlow(bytes)
    if (this.#kept) room.set(this.#kept.subarray(0, this.size))
    this.#kept = room
    this.#isOurs = true
  }
}

/**
 * The text of bytes, without the byte order mark that some writers begin with. [RFC 8259, 8.1]
 * @throws Refusal `parse_error` if they are not UTF-8
 */
export function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new Refusal('parse_error', { message: 'The body is not valid UTF-8.' })
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text
}
