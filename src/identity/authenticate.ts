/** Authentication: every request passes this port before its body is read or anything is kept for it. */
import type { Awaitable } from '../base/awaitable.ts'
import type { Principal } from '../protocol/call.ts'
import type { Inbound } from '../protocol/inbound.ts'

/**
 * Returns the principal of a request, or a promise of it if it has to be looked up. Throws, or rejects with, a `Refusal`
 * if there is none. Nothing is allocated for a caller before.
 */
export type Authenticate = (inbound: Inbound) => Awaitable<Principal>

const anonymous: Principal = Object.freeze({ tenant: 'default', subject: 'anonymous' })

/**
 * Accepts every request without looking at credentials: all callers are one anonymous principal of one tenant. For
 * loopback, and behind a proxy that authenticates.
 */
export const acceptWithoutCredentials: Authenticate = () => anonymous
