/** What an explanation is made from. */
import type { RateLimits } from '../../tenants/rate-limits.ts'
import type { ControlState } from '../../upstreams/control/operations.ts'
import type { IsolationModes } from '../../upstreams/pooling/isolation-modes.ts'
import type { ListedNames } from './explain-name.ts'
import type { ExplainedSettings } from './explain-reach.ts'

/** What a gateway knows of an upstream while it runs. */
export interface RunningUpstream {
  /** `unopened`: one of a tenant alone, which is started with its first call; an operator holds it as that of all others. */
  readonly standing: 'unopened' | 'starting' | 'started' | 'failed'
  readonly control: ControlState
  /** Undefined until it has started. */
  readonly sharing: IsolationModes | undefined
  /** Whether every definition of a tool is held back. */
  isHeldBack(tool: string): boolean
}

/** What a gateway knows that runs. */
export interface RunningState {
  readonly isDraining: boolean
  readonly refusesWork: boolean
  /** What the tenant uses now. */
  readonly use: { readonly clients: number; readonly calls: number }
  upstream(name: string): RunningUpstream | undefined
}

export interface ExplainNeeds {
  readonly settings: ExplainedSettings
  readonly rateLimits: Pick<RateLimits, 'preview'>
  /** Undefined without a gateway that runs. */
  readonly running: RunningState | undefined
  readonly listed: ListedNames
}
