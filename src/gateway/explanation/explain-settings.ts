/** What would happen to a call by settings alone, without a gateway that runs. */
import { systemClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { RateLimits } from '../../tenants/rate-limits.ts'
import type { AskedCall } from './asked-call.ts'
import { explainCall } from './explain-call.ts'
import type { ExplainedSettings } from './explain-reach.ts'
import type { Explanation } from './explanation.ts'

/** Which names servers list is not known. */
export function explainBySettings(asked: AskedCall, settings: ExplainedSettings): Explanation {
  const rateLimits = new RateLimits(settings.tenants, { clock: systemClock, log: silentLog })
  return explainCall(asked, { settings, rateLimits, running: undefined, listed: () => undefined })
}
