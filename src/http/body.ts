/**
 * Reads a request body within its limit, as text. Nothing is read before somebody asks for it, what arrives in one
 * piece is decoded in place, and a body that turns out too large is refused at once, not when it has ended.
 */
import { isUtf8 } from 'node:buffer'
import type { Readable } from 'node:stream'
import type { Cancel } from '../base/cancel.ts'
import { Refusal } from '../base/refusal.ts'

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
    let size = 0
    let first: Buffer | undefined
    let rest: Buffer[] | undefined
    const finish = (): void => {
      const bytes = rest === undefined ? first : Buffer.concat(rest, size)
      first = rest = undefined
      if (bytes === undefined) resolve('')
      else if (isUtf8(bytes)) resolve(bytes.toString('utf8'))
      else reject(new Refusal('parse_error', { message: 'The body is not valid UTF-8.' }))
    }
    const take = (chunk: Buffer): void => {
      size += chunk.length
      const isTooLarge = size > maxBytes
      if (isTooLarge || hold?.(chunk.length) === false) {
        first = rest = undefined
        request.off('data', take)
        return reject(new Refusal(isTooLarge ? 'request_too_large' : 'overloaded'))
      }
      if (first === undefined) first = chunk
      else if (rest === undefined) rest = [first, chunk]
      else rest.push(chunk)
      // The parser delivers no byte beyond the declared length, so there is no need to wait for the end.
      if (size === declared) finish()
    }
    request.on('data', take)
    if (Number.isNaN(declared)) request.on('end', finish)
    closed.onCancel(() => reject(new Refusal('cancelled')))
  })
}
