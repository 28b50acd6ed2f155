/**
 * The requests of a sign-in. An endpoint says where they go, and may be hostile: it must not have this machine ask programs
 * that only this machine reaches, and nothing that is asked may hold up a sign-in for ever, or fill the memory.
 */
import type { Clock } from '../../base/clock.ts'
import { isLoopback } from '../../transports/http/options.ts'
import { SignInFault } from './sign-in-fault.ts'

/** How long one answer may take, to its end. */
export const answerMs = 30_000
/** Metadata, registrations and tokens have a few kilobytes. */
const mostBytes = 1024 ** 2
/** Of an answer that is an error: it gets into messages and the log. */
const mostErrorBytes = 2000

/**
 * Whether an endpoint may name an address for its sign-in: one of its own origin, or one with TLS. Nothing of this machine,
 * unless the endpoint is of this machine as well, and no address that only the machine itself has a meaning for, such as the
 * metadata of a cloud.
 */
export function mayName(endpoint: URL, target: URL): boolean {
  if (target.origin === endpoint.origin) return true
  if (isLoopback(target.hostname)) return /^https?:$/.test(target.protocol) && isLoopback(endpoint.hostname)
  return target.protocol === 'https:' && !isOfLink(target.hostname)
}

/** @throws SignInFault */
export function checkNamed(endpoint: URL, target: URL): void {
  if (mayName(endpoint, target)) return
  throw new SignInFault('sign_in', `${endpoint.host} names ${target.origin} for signing in, which it may not`, [
    ['accepted', 'https addresses that are not of this machine, unless the endpoint is of this machine too'],
    ['or', 'a key from its operator'],
  ])
}

/** Link-local addresses, those that stand for any, and all that are written as IPv4 in IPv6. */
function isOfLink(hostname: string): boolean {
  return /^(169\.254\.|0\.)|^\[(fe[89ab]|::)/i.test(hostname)
}

/** Answers are whole when they are given: the time is that of all of it. */
export function createGuardedFetch(endpoint: URL, clock: Clock, ask: typeof fetch = fetch): typeof fetch {
  return async (input, init) => {
    checkNamed(endpoint, new URL(input instanceof Request ? input.url : input))
    const abort = new AbortController()
    const late = new Error(`no answer within ${answerMs / 1000} s`)
    const timer = clock.after(answerMs, () => abort.abort(late))
    try {
      const response = await ask(input, { ...init, signal: abort.signal })
      const { status, statusText, headers, ok } = response
      const body = await read(response, ok ? mostBytes : mostErrorBytes, abort.signal)
      return new Response(body.length === 0 ? null : body, { status, statusText, headers })
    } finally {
      timer.stop()
      // What has not been read is not wanted.
      abort.abort()
    }
  }
}

/** @throws what the signal says, or an error if a good answer is too long; of others there is the beginning */
async function read({ body, ok }: Response, most: number, signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
  aborted.catch(() => {})
  const reader = body?.getReader()
  while (reader) {
    const { done, value } = await Promise.race([reader.read(), aborted])
    if (done) break
    chunks.push(value.subarray(0, most - bytes))
    bytes += value.byteLength
    if (bytes <= most) continue
    void reader.cancel().catch(() => {})
    if (ok) throw new Error(`an answer of the authorization server has more than ${most} bytes`)
    break
  }
  return new Uint8Array(Buffer.concat(chunks))
}
