/** Authentication: every request passes this port before its body is read or anything is kept for it. */
import type { Principal } from '../protocol/call.ts'
import type { Inbound } from '../protocol/inbound.ts'

/** Returns the principal of a request. Throws a `Refusal` if there is none. Nothing is allocated for a caller before. */
export type Authenticate = (inbound: Inbound) => Principal

const anonymous: Principal = Object.freeze({ tenant: 'default', subject: 'anonymous' })

/** Every caller is the same anonymous principal of one tenant: for loopback, and if another layer has authenticated. */
export const authenticateNobody: Authenticate = () => anonymous
