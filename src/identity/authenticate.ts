/** Who is calling: the port that every request passes before anything of it is read or kept. */
import type { Principal } from '../protocol/call.ts'
import type { Inbound } from '../protocol/inbound.ts'

/** The principal of a request. Throws a `Refusal` where there is none. Nothing is allocated for a caller before it. */
export type Authenticate = (inbound: Inbound) => Principal

const anyone: Principal = Object.freeze({ tenant: 'default', subject: 'anonymous' })

/** Everybody is the same anonymous caller of one tenant: for loopback, and where another layer has authenticated. */
export const authenticateNobody: Authenticate = () => anyone
