/**
 * Reads a request body within its limit, as text. Nothing is read before somebody asks for it, and a body that turns
 * out too large is refused at once, not when it has ended. What is kept of one that has not ended is counted.
 */
import type { Readable } from 'node:stream'
import type { Cancel } from '../../base/cancel.ts'
import { notKept } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Holder, Transfer } from '../../base/transfers.ts'
import { BodyChunks } from './body-chunks.ts'
import { smallBytes } from './body-memory.ts'

export class IncomingBody {
  /**
   * Rejects with a Refusal: `request_too_large`, `parse_error` if it is not UTF-8, `cancelled` if the client went away,
   * `memory_share_exceeded` or `overloaded` if it may not be kept. What still arrives after that is dropped by whoever answers.
   */
  readonly text: Promise<string>
  readonly #request: Readable
  readonly #declared: number
  readonly #endsWithStream: boolean
  readonly #maxBytes: number
  readonly #holder: Pick<Holder, 'transfer'>
  readonly #bytes: BodyChunks
  #stopClosed: () => void = () => {}
  #transfer: Transfer | undefined
  #resolve: (text: string) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  /**
   * @param declared its length in bytes if the head says so, else NaN
   * @param endsWithStream whether only the end of the stream tells that it is whole, however long it was said to be
   */
  constructor(
    request: Readable,
    declared: number,
    endsWithStream: boolean,
    maxBytes: number,
    closed: Cancel,
    holder: Pick<Holder, 'transfer'>,
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

  /** Gives it up, if it has not ended. */
  refuse(refusal: Refusal): void {
    this.#bytes.drop()
    this.#leave()
    this.#reject(refusal)
  }

  /** Nothing keeps it, and with it the text, that lives as long as the answer. */
  #leave(): void {
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
    // One that comes in one piece is over in a moment.
    if (size > smallBytes && !(isWhole && bytes.size === 0)) {
      this.#transfer ??= this.#holder.transfer(() => this.refuse(notKept('budget')))
      const kept = this.#transfer.take(bytes.growth(chunk.length))
      if (kept !== 'kept') return this.refuse(notKept(kept))
      this.#transfer.moved(chunk.length)
    }
    bytes.add(chunk, isWhole)
    // Elsewhere the parser delivers no byte beyond the declared length, so there is no need to wait for the end.
    if (isWhole && !this.#endsWithStream) this.#finish()
  }

  readonly #finish = (): void => {
    this.#leave()
    try {
      this.#resolve(this.#bytes.text())
    } catch (error) {
      this.#reject(error)
    }
  }
}
