/**
 * Collects the bytes of a body. Promises memory in proportion to the number of bytes, however small the pieces: a piece
 * of one byte kept as its own object costs a hundred times as much. A body known to arrive in one piece is not copied.
 */
import { isUtf8 } from 'node:buffer'
import { Refusal } from '../../base/refusal.ts'

const minCapacity = 1024
const byteOrderMark = 0xfeff

export class BodyChunks {
  /** How many bytes were added. */
  size = 0
  #kept: Uint8Array | undefined
  /** Whether the buffer was allocated here and may have free capacity; else it is the first piece. */
  #isOwnBuffer = false
  readonly #maxBytes: number

  /** @param maxBytes the most bytes that there can be */
  constructor(maxBytes: number = Infinity) {
    this.#maxBytes = maxBytes
  }

  /** @param isWhole whether the piece completes the body: then it is kept only for a moment and needs no copy */
  add(piece: Uint8Array, isWhole = false): void {
    const size = this.size + piece.byteLength
    if (this.#kept === undefined) this.#kept = isWhole ? piece : ownPiece(piece)
    else {
      if (!this.#isOwnBuffer || size > this.#kept.byteLength) this.#grow(this.#capacityFor(size))
      this.#kept.set(piece, this.size)
    }
    this.size = size
  }

  /** By how many bytes the memory grows when a piece of this length is added. */
  growth(length: number): number {
    const size = this.size + length
    const kept = this.#kept?.byteLength ?? 0
    if (kept === 0) return length
    return this.#isOwnBuffer && size <= kept ? 0 : this.#capacityFor(size) - kept
  }

  #capacityFor(size: number): number {
    return Math.max(size, Math.min(this.size * 2, this.#maxBytes), minCapacity)
  }

  /** Releases the bytes. */
  drop(): void {
    this.#kept = undefined
  }

  /**
   * Decodes the bytes as text, and releases them.
   * @throws Refusal `parse_error` if they are not UTF-8
   */
  text(): string {
    const kept = this.#kept
    this.drop()
    return kept === undefined ? '' : textOf(kept.subarray(0, this.size))
  }

  #grow(bytes: number): void {
    const buffer = Buffer.allocUnsafeSlow(bytes)
    if (this.#kept) buffer.set(this.#kept.subarray(0, this.size))
    this.#kept = buffer
    this.#isOwnBuffer = true
  }
}

/** Copies a small piece of a larger buffer, which would else stay in memory as a whole. */
function ownPiece(piece: Uint8Array): Uint8Array {
  return piece.byteLength * 2 < piece.buffer.byteLength ? Buffer.from(piece) : piece
}

/**
 * Decodes bytes as text, without a leading byte order mark, which some clients send. [RFC 8259, 8.1]
 * @throws Refusal `parse_error` if they are not UTF-8
 */
export function textOf(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new Refusal('parse_error', { message: 'The body is not valid UTF-8.' })
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  return text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text
}
