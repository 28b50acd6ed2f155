/**
 * What goes through a client and comes back, sealed: the state of a server, or our own note of where a call waits.
 * It opens only for the same tenant and subject, for the same request, until it expires. What a client changed does
 * not open at all. Keys are replaced as time goes by; the one before still opens what it closed.
 * [2026-07-28 multi round-trip requests, requestState]
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { fromBase64url } from '../../base/base64url.ts'
import type { Clock } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import type { ClientKey, Principal } from '../../protocol/call.ts'
import { isObject, type JsonObject, type JsonValue } from '../../protocol/json-text.ts'

/** What a sealed state says when it is opened. */
export type OpenedState =
  /** The server's own state, and the process that the interaction began with. */
  | { readonly kind: 'server'; readonly state: string; readonly process: number | undefined }
  /** The call waits here for the answers of this round. */
  | { readonly kind: 'suspended'; readonly call: string; readonly round: number }
  /** Nothing waits: the call is to be made once more, by the same client. */
  | { readonly kind: 'again'; readonly client: ClientKey }

export interface RequestStateCodec {
  close(what: OpenedState, principal: Principal, method: string, params: JsonObject): string
  /**
   * Throws `invalid_params` for a state that is not ours, has expired or belongs to another request, and
   * `suspended_call_gone` for a call that has waited here for too long.
   */
  open(sealed: string, principal: Principal, method: string, params: JsonObject): OpenedState
}

/** What a server said of itself: until when it is good is for the server to judge. */
const lifeMs = 24 * 3_600_000
const ivBytes = 12
const tagBytes = 16

interface Key {
  /** The first byte of what it closed. */
  readonly number: number
  readonly bytes: Buffer
  readonly sinceMs: number
}

/** @param waitMs how long a call waits here for its client, in milliseconds */
export function createRequestStateCodec(clock: Clock, waitMs: number): RequestStateCodec {
  const create = (number: number): Key => ({ number, bytes: randomBytes(32), sinceMs: clock.now() })
  let current = create(0)
  let previous: Key | undefined

  const keyToClose = (): Key => {
    if (clock.now() - current.sinceMs >= lifeMs) {
      previous = current
      current = create((current.number + 1) % 256)
    }
    return current
  }
  const keyThatClosed = (number: number | undefined): Key | undefined =>
    [current, previous].find((key) => key?.number === number)

  /** What was sealed, as text; undefined if we did not seal it, or for something else. */
  const decipher = (sealed: string, bound: Buffer): string | undefined => {
    const bytes = fromBase64url(sealed)
    const key = keyThatClosed(bytes?.[0])
    if (!bytes || !key) return undefined
    try {
      const cipher = createDecipheriv('aes-256-gcm', key.bytes, bytes.subarray(1, 1 + ivBytes))
      cipher.setAAD(bound)
      cipher.setAuthTag(bytes.subarray(-tagBytes))
      return Buffer.concat([cipher.update(bytes.subarray(1 + ivBytes, -tagBytes)), cipher.final()]).toString()
    } catch {
      return undefined
    }
  }

  return {
    close(what, principal, method, params) {
      const key = keyToClose()
      const iv = randomBytes(ivBytes)
      const cipher = createCipheriv('aes-256-gcm', key.bytes, iv)
      cipher.setAAD(binding(principal, method, params))
      const until = clock.now() + (what.kind === 'suspended' ? Math.min(waitMs, lifeMs) : lifeMs)
      const plain = JSON.stringify({ ...what, until })
      const parts = [Buffer.of(key.number), iv, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]
      return Buffer.concat(parts).toString('base64url')
    },
    open(sealed, principal, method, params) {
      const found = read(decipher(sealed, binding(principal, method, params)))
      const isOver = found !== undefined && found.untilMs <= clock.now()
      if (isOver && found.opened.kind === 'suspended') throw new Refusal('suspended_call_gone')
      // Told apart from other reasons, a forgery would learn from it.
      if (!found || isOver)
        throw new Refusal('invalid_params', { message: 'The requestState is not valid for this request (any more).' })
      return found.opened
    },
  }
}

function read(text: string | undefined): { readonly opened: OpenedState; readonly untilMs: number } | undefined {
  const plain: unknown = text === undefined ? undefined : JSON.parse(text)
  if (!isObject(plain)) return undefined
  const opened = openedOf(plain)
  return opened && { opened, untilMs: Number(plain['until']) }
}

function openedOf({ kind, state, process, call, round, client }: JsonObject): OpenedState | undefined {
  if (kind === 'again' && typeof client === 'string') return { kind, client }
  if (kind === 'suspended' && typeof call === 'string' && typeof round === 'number') return { kind, call, round }
  if (kind !== 'server' || typeof state !== 'string') return undefined
  return { kind, state, process: typeof process === 'number' ? process : undefined }
}

/** What a state is bound to: who asks, and what for. */
function binding(principal: Principal, method: string, params: JsonObject): Buffer {
  const { _meta: _, inputResponses: __, requestState: ___, ...rest } = params
  const said = JSON.stringify([principal.tenant, principal.subject, method, inOrder(rest)])
  return createHash('sha256').update(said).digest()
}

/** The value with all members in one order, since clients may write them in any. */
function inOrder(value: JsonValue | undefined): JsonValue {
  if (Array.isArray(value)) return value.map(inOrder)
  if (!isObject(value)) return (value as JsonValue | undefined) ?? null
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, inOrder(value[key])]),
  )
}
