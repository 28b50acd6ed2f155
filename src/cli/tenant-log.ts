/** What the log may have of the sessions and calls of a tenant, by the settings in force. */
import { createHmac, randomBytes } from 'node:crypto'
import type { Settings } from '../config/settings.ts'

export type TenantsInForce = () => Settings['tenants']

type LogPolicy = Pick<Settings['tenants'][string], 'logCalls' | 'logNames' | 'logSubject'>

const usual: LogPolicy = { logCalls: 'all', logNames: true, logSubject: 'no' }

/** The tenant whose settings hold for those without a name in the settings. */
const standard = 'default'

const subjectChars = 12

export class TenantLog {
  readonly #tenants: TenantsInForce
  /** Of this process alone: nobody can try out of whom a hash in a log is. */
  readonly #key = randomBytes(32)

  constructor(tenants: TenantsInForce) {
    this.#tenants = tenants
  }

  /** Whether something of a tenant has a line. @param hasFailed whether it is a call that failed, or a refusal */
  allows(tenant: string | undefined, hasFailed: boolean): boolean {
    const { logCalls } = this.#of(tenant)
    return logCalls === 'all' || (logCalls === 'failed' && hasFailed)
  }

  /** A name in such a line; undefined if it is left out. */
  name(tenant: string | undefined, name: string | undefined): string | undefined {
    return this.#of(tenant).logNames ? name : undefined
  }

  /** The subject in the line of a call; undefined if it is left out. */
  subject(tenant: string, subject: string): string | undefined {
    const { logSubject } = this.#of(tenant)
    if (logSubject === 'no') return undefined
    if (logSubject === 'plain') return subject
    return createHmac('sha256', this.#key)
      .update(JSON.stringify([tenant, subject]))
      .digest('hex')
      .slice(0, subjectChars)
  }

  #of(tenant: string | undefined): LogPolicy {
    if (tenant === undefined) return usual
    const tenants = this.#tenants()
    return (Object.hasOwn(tenants, tenant) ? tenants[tenant] : tenants[standard]) ?? usual
  }
}
