/** What would happen to a call, step by step, in the order in which the gateway decides. */
import type { RefusalCode } from '../../base/refusal.ts'

export type ExplainedStepName =
  | 'tenant'
  | 'endpoint'
  | 'scopes'
  | 'load'
  | 'limit'
  | 'bound'
  | 'server'
  | 'name'
  | 'listed'
  | 'control'
  | 'workers'
  | 'arguments'

/** A value of the settings that decides. */
export interface DecidingValue {
  /** Its path in a file, such as `tenants.acme.tools`. */
  readonly option: string
  /** The pattern among several; of `pattern: rate`, the pattern. */
  readonly text?: string | undefined
}

export interface ExplainedStep {
  readonly step: ExplainedStepName
  /** Whether the call goes on from here. */
  readonly passes: boolean
  /** In words, for the operator alone. */
  readonly says: string
  /** The word of the refusal, if it does not pass. */
  readonly refusal?: RefusalCode | undefined
  readonly by?: DecidingValue | undefined
  /** Of a limit: what the call costs of it, and what that has left; undefined for each subject, if none is asked for. */
  readonly cost?: number | undefined
  readonly left?: number | undefined
}

export interface Explanation {
  /** Whether the call would reach its server, or be answered from the catalogue. */
  readonly runs: boolean
  /** Whether it would wait before that, because its upstream is paused. */
  readonly waits: boolean
  /** The word of the first refusal. */
  readonly refusal: RefusalCode | undefined
  readonly upstream: string | undefined
  readonly steps: readonly ExplainedStep[]
}
