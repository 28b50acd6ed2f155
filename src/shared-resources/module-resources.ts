/** What a module shares among its sessions: one of each name, made at its first use and ended with the module. */
import type { Clock } from '../base/clock.ts'
import { callScopes } from '../use-call/call-scope.ts'
import { type Limited, type LimitedOptions, limitedSettings } from './limited-options.ts'
import { Limiter } from './limiter.ts'
import { NamedResources } from './named-resources.ts'
import type { SharedResources } from './shared-resources.ts'

/** How many of each kind a module may have. */
const maxOfKind = 1000

export class ModuleResources implements SharedResources {
  readonly #clock: Clock
  readonly #limiters = new NamedResources<Limiter>('limited', maxOfKind)

  constructor(clock: Clock) {
    this.#clock = clock
  }

  limited(name: string, options: LimitedOptions): Limited {
    return this.#limiters.of(name, options, (resource) => {
      const settings = limitedSettings(resource, options)
      return new Limiter({ resource, settings, clock: this.#clock, caller: () => callScopes().getStore()?.call })
    })
  }

  /** Figures for operators: those whose names end in `Ms` are the longest of their kind. */
  counts(): Readonly<Record<string, number>> {
    const limiters = this.#limiters.all
    if (limiters.length === 0) return {}
    const nowMs = this.#clock.now()
    return {
      limitedCalls: sumOf(limiters, ({ running }) => running),
      waitingLimitedCalls: sumOf(limiters, ({ waiting }) => waiting),
      oldestLimitedWaitMs: Math.max(...limiters.map(({ oldestSinceMs = nowMs }) => nowMs - oldestSinceMs)),
    }
  }

  /** Refuses those who wait, and all that come later. */
  async close(): Promise<void> {
    for (const limiter of this.#limiters.close()) limiter.close()
  }
}

function sumOf<Value>(values: readonly Value[], count: (value: Value) => number): number {
  return values.reduce((sum, value) => sum + count(value), 0)
}
