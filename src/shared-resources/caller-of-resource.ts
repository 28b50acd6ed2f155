/** Who uses a shared resource. Turns are fair between tenants, then between the sessions of each. */
import type { ToolCall } from '../use-call/tool-call.ts'

export type CallerOfResource = Pick<ToolCall, 'tenant' | 'subject' | 'signal'> & {
  readonly issuer?: string | undefined
  readonly session: { readonly id: string } | undefined
}

/** Code of the module that works on no call shares one place among the tenants. */
const ownPath = ['module', 'module']

/** The keys of the fair queue: tenant and session; clients without a session share a place with others of their subject. */
export function fairPath(caller: CallerOfResource | undefined): readonly string[] {
  if (!caller) return ownPath
  const { tenant, issuer = '', subject, session } = caller
  return [`tenant ${tenant}`, session ? `session ${session.id}` : `subject ${issuer} ${subject}`]
}
