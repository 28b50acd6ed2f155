/**
 * Reads a request body within its limit, as text. Nothing is read before somebody asks for it, and a body that turns
 * out too large is refused at once, not when it has ended.
 */
import type { Readable } from 'node:stream'
import type { Cancel } from '../base/cancel.ts'
import { Refusal } from '../base/refusal.ts'
import { Gathered } from './gathered.ts'

/**
 * @param declared its length in bytes if the head says so, else NaN
 * @param hold asked before so many more bytes are kept, where others read at the expense of the same connection
 * @returns rejects with a Refusal: `request_too_large`, `parse_error` if it is not UTF-8, `cancelled` if the client
 * went away, `overloaded` if they may not be kept. What still arrives after that is dropped by whoever answers.
 */
export function readBody(
  request: Readable,
  declared: number,
  maxBytes: number,
  closed: Cancel,
  hold?: (bytes: number) => boolean,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const bytes = new Gathered()
    const finish = (): void => {
      try {
        resolve(bytes.text())
      } catch (error) {
        reject(error)
      }
    }
    const take = (chunk: Buffer): void => {
      const isTooLarge = bytes.size + chunk.length > maxBytes
      if (isTooLarge || hold?.(chunk.length) === false) {
        bytes.drop()
        request.off('data', take)
        return reject(new Refusal(isTooLarge ? 'request_too_large' : 'overloaded'))
      }
      bytes.add(chunk)
      // The parser delivers no byte beyond the declared length, so there is no need to wait for the end.
      if (bytes.size === declared) finish()
    }
    request.on('data', take)
    if (Number.isNaN(declared)) request.on('end', finish)
    closed.onCancel(() => reject(new Refusal('cancelled')))
  })
}
