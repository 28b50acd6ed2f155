/** What a module shares among its sessions: one of each name, made at its first use and ended with the module. */
import type { Clock } from '../base/clock.ts'
import type { SharedResourceFacts } from '../base/shared-resource-facts.ts'
import { callScopes } from '../use-call/call-scope.ts'
import type { CallerOfResource } from './caller-of-resource.ts'
import { type Limited, type LimitedOptions, limitedSettings } from './limited-options.ts'
import { createFileLock } from './file-lock.ts'
import { Limiter } from './limiter.ts'
import { isPath } from './lock.ts'
import { type Lock, type LockOptions, lockSettings } from './lock-options.ts'
import { NamedResources } from './named-resources.ts'
import { type PoolOptions, poolSettings, type SharedPool } from './pool-options.ts'
import { inSeconds, ResourceError } from './resource-error.ts'
import { ResourcePool } from './resource-pool.ts'
import type { SharedResources } from './shared-resources.ts'

/** How many of each kind a module may have. */
const maxOfKind = 1000
/** How many operators are shown. */
const mostListed = 100

export class ModuleResources implements SharedResources {
  readonly #clock: Clock
  readonly #limiters = new NamedResources<Limiter>('limited', maxOfKind)
  readonly #locks = new NamedResources<Limiter>('lock', maxOfKind)
  readonly #pools = new NamedResources<ResourcePool>('pool', maxOfKind)
  readonly #inModule: <Value>(run: () => Value) => Value

  /** @param inModule runs code of the module that belongs to no call */
  constructor(clock: Clock, inModule: <Value>(run: () => Value) => Value) {
    this.#clock = clock
    this.#inModule = inModule
  }

  limited(name: string, options: LimitedOptions): Limited {
    return this.#limiters.of(name, options, (resource) => {
      const settings = limitedSettings(resource, options)
      return new Limiter({ resource, settings, clock: this.#clock, caller: callerHere })
    })
  }

  lock(target: string, options: LockOptions): Lock {
    return this.#locks.of(target, options, (resource) => {
      const clock = this.#clock
      const settings = lockSettings(resource, options, isPath(target))
      const { timeoutMs: ttlMs } = settings
      return new Limiter({
        resource,
        settings,
        clock,
        caller: callerHere,
        pathOf: () => oneLine,
        errorWhenLate: (hint) =>
          new ResourceError(
            'lock_lost',
            resource,
            `was kept longer than ${inSeconds(ttlMs)} (ttl), and is lost${hint}`,
          ),
        ...(isPath(target) && { acquire: createFileLock({ resource, path: target, ttlMs, clock }) }),
      })
    })
  }

  pool(name: string, options: PoolOptions<unknown>): SharedPool<unknown> {
    return this.#pools.of(name, options, (resource) => {
      const settings = poolSettings(resource, options)
      const [clock, inModule] = [this.#clock, this.#inModule]
      return new ResourcePool({ resource, options, settings, clock, caller: callerHere, inModule })
    })
  }

  /** Figures for operators: those whose names end in `Ms` are the longest of their kind. */
  counts(): Readonly<Record<string, number>> {
    const [limiters, locks, pools] = [this.#limiters.all, this.#locks.all, this.#pools.all]
    return {
      ...(limiters.length > 0 && {
        limitedCalls: sumOf(limiters, ({ running }) => running),
        waitingLimitedCalls: sumOf(limiters, ({ waiting }) => waiting),
        oldestLimitedWaitMs: this.#oldestMs(limiters),
      }),
      ...(locks.length > 0 && {
        heldLocks: sumOf(locks, ({ running }) => running),
        waitingForLocks: sumOf(locks, ({ waiting }) => waiting),
        oldestLockWaitMs: this.#oldestMs(locks),
      }),
      ...(pools.length > 0 && {
        pooled: sumOf(pools, ({ size }) => size),
        pooledInUse: sumOf(pools, ({ running }) => running),
        waitingForPools: sumOf(pools, ({ waiting }) => waiting),
        oldestPoolWaitMs: this.#oldestMs(pools),
      }),
    }
  }

  /** Each of them that is in use or waited for, those with the most who wait first: a hundred at most. */
  list(): readonly SharedResourceFacts[] {
    const nowMs = this.#clock.now()
    const factsOf = (kind: SharedResourceFacts['kind'], name: string, one: Counted): SharedResourceFacts => {
      const { running, waiting, oldestSinceMs = nowMs, size } = one
      const oldestWaitMs = Math.max(0, Math.round(nowMs - oldestSinceMs))
      return { kind, name, inUse: running, waiting, oldestWaitMs, ...(size !== undefined && { size }) }
    }
    return [
      ...Array.from(this.#locks.named(), ([name, one]) => factsOf('lock', name, one)),
      ...Array.from(this.#pools.named(), ([name, one]) => factsOf('pool', name, one)),
      ...Array.from(this.#limiters.named(), ([name, one]) => factsOf('limited', name, one)),
    ]
      .filter(({ inUse, waiting }) => inUse > 0 || waiting > 0)
      .sort((one, other) => other.waiting - one.waiting || other.inUse - one.inUse)
      .slice(0, mostListed)
  }

  /** Refuses those who wait, and all that come later; ends what pools have made. */
  async close(): Promise<void> {
    for (const limiter of [...this.#limiters.close(), ...this.#locks.close()]) limiter.close()
    await Promise.all(this.#pools.close().map((one) => one.close()))
  }

  #oldestMs(resources: ReadonlyArray<Pick<Limiter, 'oldestSinceMs'>>): number {
    const nowMs = this.#clock.now()
    return Math.max(0, ...resources.map(({ oldestSinceMs = nowMs }) => nowMs - oldestSinceMs))
  }
}

/** What operators are shown of any of them. */
type Counted = Pick<Limiter, 'running' | 'waiting' | 'oldestSinceMs'> & { readonly size?: number }

/** A lock is given in the order of arrival, whoever asks for it. */
const oneLine = ['']

function callerHere(): CallerOfResource | undefined {
  return callScopes().getStore()?.call
}

function sumOf<Value>(values: readonly Value[], count: (value: Value) => number): number {
  return values.reduce((sum, value) => sum + count(value), 0)
}
