/**
 * A pool of what is expensive to make and must not be many, such as connections to a database. Turns are those of a
 * `Limiter`; tarn makes, validates and ends what is lent. Promises that there are never more than `max`, those included that
 * are being ended, and that what a task may still be using is lent to no other.
 */
import { Pool as TarnPool, TimeoutError } from 'tarn'
import { type Clock, pause, type Timer } from '../base/clock.ts'
import { outside } from '../use-call/call-scope.ts'
import type { CallerOfResource } from './caller-of-resource.ts'
import type { AcquireAttempt, AcquiredResource } from './acquired-resource.ts'
import { Limiter } from './limiter.ts'
import type { PoolOptions, PoolRunOptions, PoolSettings, SharedPool } from './pool-options.ts'
import { inSeconds, ResourceError } from './resource-error.ts'

/** Longest time that making one, asking whether one can still be used, or ending one may take. */
const createMs = 30_000
const validateMs = 5000
const destroyMs = 5000
/** One made so long ago, and not used yet, is asked after as well: the call that it was made for has been cancelled. */
const newMs = 1000
/** How long `close` waits for tasks that run. */
const closeMs = 2000

export interface ResourcePoolNeeds {
  /** Such as `pool("database")`. */
  readonly resource: string
  readonly options: PoolOptions<unknown>
  readonly settings: PoolSettings
  readonly clock: Clock
  readonly caller: () => CallerOfResource | undefined
  /** Runs code of the author that belongs to no call. */
  readonly inModule: <Value>(run: () => Value) => Value
  /** Longest time that `create` and `validate` may take, in milliseconds: 30 s and 5 s by default. */
  readonly createMs?: number
  readonly validateMs?: number
}

/** What was made, until it is destroyed. */
class Lendable {
  readonly value: unknown
  readonly madeMs: number
  /** Whether a task has had it. */
  isUsed = false
  isLent = false
  #destroyed: Promise<void> | undefined

  constructor(value: unknown, madeMs: number) {
    this.value = value
    this.madeMs = madeMs
  }

  get isDestroyed(): boolean {
    return this.#destroyed !== undefined
  }

  destroy(run: (value: unknown) => Promise<void>): Promise<void> {
    return (this.#destroyed ??= run(this.value))
  }
}

export class ResourcePool implements SharedPool<unknown> {
  readonly #needs: ResourcePoolNeeds
  readonly #createMs: number
  readonly #validateMs: number
  readonly #limiter: Limiter
  readonly #tarn: TarnPool<Lendable>
  /** All that were made and are not ended yet. */
  readonly #living = new Set<Lendable>()
  readonly #endings = new Set<Promise<void>>()

  constructor(needs: ResourcePoolNeeds) {
    const { resource, settings, clock, caller } = needs
    this.#needs = needs
    this.#createMs = needs.createMs ?? createMs
    this.#validateMs = needs.validateMs ?? validateMs
    this.#limiter = new Limiter({
      resource,
      settings: settings.turns,
      clock,
      caller,
      acquire: (attempt) => this.#acquire(attempt),
    })
    this.#tarn = new TarnPool<Lendable>({
      create: () => this.#create(),
      destroy: (lendable) => this.#destroy(lendable),
      // tarn awaits it, though its types do not say so.
      validate: ((lendable: Lendable) => this.#validate(lendable)) as (lendable: Lendable) => never,
      min: settings.min,
      max: settings.max,
      idleTimeoutMillis: settings.idleMs,
      reapIntervalMillis: Math.min(1000, settings.idleMs),
      createTimeoutMillis: this.#createMs,
      // One may be asked after first, and another one made in its place.
      acquireTimeoutMillis: this.#validateMs + this.#createMs + 1000,
      destroyTimeoutMillis: destroyMs,
      propagateCreateError: true,
    })
  }

  get running(): number {
    return this.#limiter.running
  }
  get waiting(): number {
    return this.#limiter.waiting
  }
  get oldestSinceMs(): number | undefined {
    return this.#limiter.oldestSinceMs
  }
  /** How many there are. */
  get size(): number {
    return this.#living.size
  }
  /** What is idle in it may be of use again. */
  get isIdle(): boolean {
    return false
  }

  async run<Value>(
    task: (resource: unknown, lent: { readonly signal: AbortSignal }) => Value | PromiseLike<Value>,
    options?: PoolRunOptions,
  ): Promise<Value> {
    return this.#limiter.run(({ signal }, acquired) => task(acquired?.value, { signal }), options)
  }

  /** Refuses those who wait, and ends all that were made once their tasks are over, 2 s later at the latest. */
  async close(): Promise<void> {
    this.#limiter.close()
    const ended = outside(() => this.#tarn.destroy())
    await Promise.race([ended, pause(this.#needs.clock, closeMs)])
    await Promise.all(Array.from(this.#living, (lendable) => this.#destroy(lendable)))
  }

  async #acquire({ signal, cancel }: AcquireAttempt): Promise<AcquiredResource> {
    const pending = outside(() => this.#tarn.acquire())
    const stop = cancel.onCancel(() => pending.abort())
    try {
      const lendable = await pending.promise
      lendable.isUsed = true
      lendable.isLent = true
      return {
        value: lendable.value,
        release: async (isLost) => {
          lendable.isLent = false
          // A task that was given up may still use it.
          if (isLost) await this.#destroy(lendable)
          outside(() => this.#tarn.release(lendable))
        },
      }
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof TimeoutError)) throw error
      const words = `none could be made within ${inSeconds(this.#createMs)} (create)`
      throw new ResourceError('run_timeout', this.#needs.resource, words, { cause: error })
    } finally {
      stop()
    }
  }

  async #create(): Promise<Lendable> {
    const { options, inModule, clock } = this.#needs
    // tarn replaces one that is not valid before it has ended.
    await Promise.all(this.#endings)
    const lendable = new Lendable(await inModule(() => options.create()), clock.now())
    this.#living.add(lendable)
    return lendable
  }

  /** Whether one may be lent. One that was just made may: a `validate` that fails must not make the pool create for ever. */
  #validate(lendable: Lendable): boolean | Promise<boolean> {
    const { options, clock } = this.#needs
    if (lendable.isDestroyed) return false
    const isNew = !lendable.isUsed && clock.now() - lendable.madeMs < newMs
    return options.validate === undefined || isNew || this.#ask(lendable)
  }

  /** Asks the author. What throws is the same as `false`. */
  async #ask(lendable: Lendable): Promise<boolean> {
    const { options, inModule, clock } = this.#needs
    let timer: Timer | undefined
    const late = new Promise<false>((resolve) => {
      timer = outside(() =>
        clock.after(this.#validateMs, () => {
          this.#destroyIdle()
          resolve(false)
        }),
      )
    })
    try {
      const isValid = await Promise.race([inModule(() => options.validate?.(lendable.value)), late])
      // One that says nothing has not thrown.
      return (isValid ?? true) && !lendable.isDestroyed
    } finally {
      timer?.stop()
    }
  }

  /** When one has not answered in time, no call is to wait as long for each of the others. */
  #destroyIdle(): void {
    for (const lendable of this.#living) if (!lendable.isLent) void this.#destroy(lendable)
  }

  /** Never rejects. What does not end in time is left to itself. */
  #destroy(lendable: Lendable): Promise<void> {
    const { options, inModule, clock } = this.#needs
    return lendable.destroy(async (value) => {
      const ended = (async () => {
        await inModule(() => options.destroy(value))
      })().catch(() => {})
      const ending = Promise.race([ended, outside(() => pause(clock, destroyMs))])
      this.#endings.add(ending)
      await ending
      this.#endings.delete(ending)
      this.#living.delete(lendable)
    })
  }
}
