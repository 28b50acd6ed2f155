/**
 * The bytes of a body as they arrive. Promises that what is kept for them is in proportion to how many they are, however
 * small the pieces: a piece of one byte costs a hundred times that as an object of its own. What arrives in one piece
 * is not copied where that is known.
 */
import { isUtf8 } from 'node:buffer'
import { Refusal } from '../../base/refusal.ts'

const leastRoom = 1024
const byteOrderMark = 0xfeff

export class BodyChunks {
  /** How many there are. */
  size = 0
  #kept: Uint8Array | undefined
  /** Whether what is kept is room of our own, for more than there is. */
  #isOurs = false
  readonly #most: number

  /** @param most how many there can be */
  constructor(most: number = Infinity) {
    this.#most = most
  }

  /** @param isWhole whether it is all that will come: then it need not be kept for long */
  add(piece: Uint8Array, isWhole = false): void {
    const size = this.size + piece.byteLength
    if (this.#kept === undefined) this.#kept = isWhole ? piece : ownPiece(piece)
    else {
      if (!this.#isOurs || size > this.#kept.byteLength) this.#grow(this.#roomFor(size))
      this.#kept.set(piece, this.size)
    }
    this.size = size
  }

  /** How many bytes more are kept once a piece of that length is added. */
  growth(length: number): number {
    const size = this.size + length
    const kept = this.#kept?.byteLength ?? 0
    if (kept === 0) return length
    return this.#isOurs && size <= kept ? 0 : this.#roomFor(size) - kept
  }

  #roomFor(size: number): number {
    return Math.max(size, Math.min(this.size * 2, this.#most), leastRoom)
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

/** A small piece of something larger would keep all of it. */
function ownPiece(piece: Uint8Array): Uint8Array {
  return piece.byteLength * 2 < piece.buffer.byteLength ? Buffer.from(piece) : piece
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
