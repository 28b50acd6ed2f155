/** Which calls of a gateway a policy decides on, and by which policy. */
import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { Log } from '../base/log.ts'
import type { Call, Reply } from '../protocol/call.ts'
import type { CallPolicy } from './call-policy.ts'
import type { PolicySettings } from './options.ts'
import { callWithPolicy } from './policed-call.ts'
import { isPoliced } from './policy-call-of.ts'
import { PolicyFaults } from './policy-faults.ts'
import { webhookPolicy } from './webhook-policy.ts'

export interface PolicingNeeds {
  readonly settings: PolicySettings
  /** That of a program, in place of the webhook. */
  readonly policy?: CallPolicy | undefined
  readonly clock: Clock
  readonly events: EventSink
  readonly log: Log
}

/** Runs a call of an upstream, by its name, as the policy allows. */
export type RunAsAllowed = (call: Call, upstream: string, run: (call: Call) => Reply) => Reply

/** Undefined if there is no policy: then calls cost nothing more. */
export function createPolicing(needs: PolicingNeeds): RunAsAllowed | undefined {
  const { settings, clock, events, log } = needs
  const policy = needs.policy ?? webhookPolicy(settings, clock)
  if (!policy) return undefined
  const faults = new PolicyFaults(log, clock)
  return (call, upstream, run) =>
    isPoliced(call.method) ? callWithPolicy(call, { policy, faults, upstream, clock, events }, run) : run(call)
}
