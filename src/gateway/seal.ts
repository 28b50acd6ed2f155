/**
 * The `requestState` of a server, sealed on its way through a client: it opens only for the same tenant and subject,
 * for the same request, until it expires. What a client changed does not open at all.
 * [2026-07-28 multi round-trip requests, requestState]
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import { Refusal } from '../base/refusal.ts'
import type { Principal } from '../protocol/call.ts'
import { isObject, type JsonObject, type JsonValue } from '../protocol/json-text.ts'

/** What a sealed state says when it is opened. */
export interface Opened {
  readonly state: string
  /** The process that the interaction began with. */
  readonly process: number | undefined
}

export interface Seal {
  close(state: string, process: number | undefined, principal: Principal, method: string, params: JsonObject): string
  /** Throws `invalid_params` for a state that is not ours, has expired or belongs to another request. */
  open(sealed: string, principal: Principal, method: string, params: JsonObject): Opened
}

const lifeMs = 10 * 60_000
const ivBytes = 12
const tagBytes = 16

/** @param key 32 bytes; a fleet shares it */
export function createSeal(clock: Clock, key: Buffer = randomBytes(32)): Seal {
  return {
    close(state, process, principal, method, params) {
      const iv = randomBytes(ivBytes)
      const cipher = createCipheriv('aes-256-gcm', key, iv)
      cipher.setAAD(binding(principal, method, params))
      const plain = JSON.stringify({ state, process, until: clock.now() + lifeMs })
      return Buffer.concat([iv, cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
        'base64url',
      )
    },
    open(sealed, principal, method, params) {
      try {
        const bytes = Buffer.from(sealed, 'base64url')
        const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes))
        decipher.setAAD(binding(principal, method, params))
        decipher.setAuthTag(bytes.subarray(-tagBytes))
        const plain = Buffer.concat([decipher.update(bytes.subarray(ivBytes, -tagBytes)), decipher.final()]).toString()
        const opened: unknown = JSON.parse(plain)
        if (isObject(opened) && typeof opened['state'] === 'string' && Number(opened['until']) > clock.now()) {
          const process = opened['process']
          return { state: opened['state'], process: typeof process === 'number' ? process : undefined }
        }
      } catch {
        // Told apart from other reasons, a forgery would learn from it.
      }
      throw new Refusal('invalid_params', { message: 'The requestState is not valid for this request (any more).' })
    },
  }
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
