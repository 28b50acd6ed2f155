/**
 * Encrypts what goes through a client and comes back: the state of a server, or a note of where a call is suspended.
 * It opens only for the same tenant, issuer and subject, for the same request, until it expires, and only unchanged. Keys are
 * replaced over time; the previous one still opens what it encrypted.
 * [2026-07-28 multi round-trip requests, requestState]
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { fromBase64url } from '../../base/base64url.ts'
import type { Clock } from '../../base/clock.ts'
import { Refusal } from '../../base/refusal.ts'
import { type ClientKey, principalKey, type Principal, type WorkerId } from '../../protocol/call.ts'
import { isObject, type JsonObject, type JsonValue } from '../../protocol/json-text.ts'

/** The content of a sealed state. */
export type OpenedState =
  /** The server's own state, and the worker that the interaction began with. */
  | { readonly kind: 'server'; readonly state: string; readonly worker: WorkerId | undefined }
  /** The call is suspended on this instance until the answers of this round come. */
  | { readonly kind: 'suspended'; readonly callId: string; readonly round: number }
  /** No call is suspended: the same client has to make the call once more. */
  | { readonly kind: 'again'; readonly client: ClientKey }

export interface RequestStateCodec {
  close(what: OpenedState, principal: Principal, method: string, params: JsonObject): string
  /**
   * Throws `invalid_params` for a state that mcplex did not seal, that has expired or belongs to another request, and
   * `suspended_call_gone` for a call that was suspended for too long.
   */
  open(sealed: string, principal: Principal, method: string, params: JsonObject): OpenedState
}

/** How long a state opens: a day, since a server's state has no expiry that mcplex could read. */
const lifeMs = 24 * 3_600_000
const ivBytes = 12
const tagBytes = 16

interface Key {
  /** The first byte of each state that it sealed. */
  readonly number: number
  readonly bytes: Buffer
  readonly sinceMs: number
}

/** @param waitMs how long a call stays suspended, in milliseconds */
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

  /** The sealed text; undefined if this instance did not seal it, or sealed it for another request. */
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
      // One message for all reasons: a forger must not learn which check failed.
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

function openedOf({ kind, state, worker, callId, round, client }: JsonObject): OpenedState | undefined {
  if (kind === 'again' && typeof client === 'string') return { kind, client }
  if (kind === 'suspended' && typeof callId === 'string' && typeof round === 'number') return { kind, callId, round }
  if (kind !== 'server' || typeof state !== 'string') return undefined
  return { kind, state, worker: typeof worker === 'string' ? worker : undefined }
}

/** A digest of what a state is bound to: the principal, the method and the params. */
function binding(principal: Principal, method: string, params: JsonObject): Buffer {
  const { _meta: _, inputResponses: __, requestState: ___, ...rest } = params
  const bound = JSON.stringify([...principalKey(principal), method, sorted(rest)])
  return createHash('sha256').update(bound).digest()
}

/** The value with all members sorted, since clients may write them in any order. */
function sorted(value: JsonValue | undefined): JsonValue {
  if (Array.isArray(value)) return value.map(sorted)
  if (!isObject(value)) return (value as JsonValue | undefined) ?? null
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  )
}
