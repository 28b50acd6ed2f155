/**
 * Reads a request body as text, up to a limit. Reading begins only when the body is asked for, and a body that exceeds
 * the limit is refused at once, not at its end. Its memory is counted: that of the pieces while it arrives, that of the text
 * until the request is answered.
 */
import type { Readable } from 'node:stream'
import type { Cancel } from '../../base/cancel.ts'
import { notReserved } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Holder, Transfer } from '../../base/transfers.ts'
import { BodyChunks } from './body-chunks.ts'
import { keepBody, smallBytes } from './body-memory.ts'

export class IncomingBody {
  /**
   * Rejects with a Refusal: `request_too_large`, `parse_error` if it is not UTF-8, `cancelled` if the client
   * disconnected, `memory_share_exceeded` or `overloaded` if there is no memory for it. `respond` then drops the rest
   * of the input.
   */
  readonly text: Promise<string>
  readonly #request: Readable
  readonly #declared: number
  readonly #endsWithStream: boolean
  readonly #maxBytes: number
  readonly #holder: Pick<Holder, 'transfer' | 'memory'>
  readonly #bytes: BodyChunks
  #stopClosed: () => void = () => {}
  #transfer: Transfer | undefined
  /** Bytes counted for the text; undefined once they need no longer be. */
  #textBytes: number | undefined = 0
  #resolve: (text: string) => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #isWhole = false

  /**
   * @param declared its length in bytes from `Content-Length`, else NaN
   * @param endsWithStream whether the body is complete only at the end of the stream, whatever its declared length
   */
  constructor(
    request: Readable,
    declared: number,
    endsWithStream: boolean,
    maxBytes: number,
    closed: Cancel,
    holder: Pick<Holder, 'transfer' | 'memory'>,
  ) {
    this.#request = request
    this.#declared = declared
    this.#endsWithStream = endsWithStream
    this.#maxBytes = maxBytes
    this.#bytes = new BodyChunks(Number.isNaN(declared) ? maxBytes : declared)
    this.#holder = holder
    this.text = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    request.on('data', this.#take)
    if (endsWithStream) request.on('end', this.#finish)
    this.#stopClosed = closed.onCancel(() => this.refuse(new Refusal('cancelled')))
  }

  /** Whether nothing of it is still to come. */
  get isWhole(): boolean {
    return this.#isWhole
  }

  /** Stops reading; the text rejects with the refusal unless it is complete. */
  refuse(refusal: Refusal): void {
    this.#bytes.drop()
    this.#stopReading()
    this.#reject(refusal)
  }

  /** The request is answered: its text is no longer counted. */
  release(): void {
    if (this.#textBytes !== undefined && this.#textBytes > 0) this.#holder.memory.release(this.#textBytes)
    this.#textBytes = undefined
  }

  /** Removes all listeners: one that lives as long as the answer would keep the text in memory. */
  #stopReading(): void {
    this.#request.off('data', this.#take)
    this.#request.off('end', this.#finish)
    this.#stopClosed()
    this.#transfer?.end()
  }

  readonly #take = (chunk: Buffer): void => {
    const bytes = this.#bytes
    const size = bytes.size + chunk.length
    if (size > this.#maxBytes) return this.refuse(new Refusal('request_too_large'))
    const isWhole = size === this.#declared
    // A body in one piece is complete at once and needs no count.
    if (size > smallBytes && !(isWhole && bytes.size === 0)) {
      this.#transfer ??= this.#holder.transfer(() => this.refuse(notReserved('budget')))
      const reservation = this.#transfer.take(bytes.growth(chunk.length))
      if (reservation !== 'reserved') return this.refuse(notReserved(reservation))
      this.#transfer.noteProgress(chunk.length)
    }
    bytes.add(chunk, isWhole)
    // On HTTP/1.1 the parser delivers no byte beyond the declared length, so there is no need to wait for the end.
    if (isWhole && !this.#endsWithStream) this.#finish()
  }

  readonly #finish = (): void => {
    this.#isWhole = true
    this.#stopReading()
    try {
      const text = this.#bytes.text()
      if (this.#textBytes !== undefined) this.#textBytes = keepBody(text, this.#holder)
      this.#resolve(text)
    } catch (error) {
      this.#reject(error)
    }
  }
}
