/**
 * All upstreams of a gateway, by key: starts them at the same time, tries those again whose start fails, and ends them.
 * One that cannot be started delays no other one. Those of one tenant (tenant-setups.ts) are started when it comes.
 */
import { type BackOff, backOffMs, withJitter } from '../base/backoff.ts'
import { type Clock, pauseUnless } from '../base/clock.ts'
import { Cancel } from '../base/cancel.ts'
import type { Log } from '../base/log.ts'
import { eachFew } from '../base/each-few.ts'
import { sumCounts } from '../base/sum-counts.ts'
import { unlessCancelled } from '../base/unless-cancelled.ts'
import type { RawObject } from '../protocol/json-text.ts'
import type { UpstreamControl } from '../upstreams/control/upstream-control.ts'
import type { UpstreamControlNeeds } from '../upstreams/control/upstream-control-needs.ts'
import type { UpstreamOperations } from '../upstreams/control/operations.ts'
import type { RunAsAllowed } from '../policy/policing.ts'
import type { Fairness } from '../protocol/fairness.ts'
import type { UpstreamSetup } from '../upstreams/options.ts'
import { learnCommonLists } from './common-lists.ts'
import { RemovedUpstreams } from './former-upstreams.ts'
import { inShort, startErrorOf } from './start-error.ts'
import { startForReload, startToReplace } from './start-to-replace.ts'
import { type CreateUpstream, ServedUpstream } from './served-upstream.ts'
import { holdAs, operationsOf } from './operations-of.ts'
import { keyOfTenant, setupFor, type TenantSetups } from './tenant-setups.ts'
import { UpstreamControls } from './upstream-controls.ts'

type ControlOfName = Pick<UpstreamControlNeeds, 'name' | 'line' | 'current' | 'isIdempotent'>

export interface ServedUpstreamsNeeds {
  /** The upstreams at the start, and what tenants have of their own there. */
  readonly settings: TenantSetups
  readonly create: CreateUpstream
  /** Makes what stands in front of the calls of a name. */
  readonly createControl: (needs: ControlOfName) => UpstreamControl
  /** How many calls may wait in front of an upstream, and for how long, in milliseconds. */
  readonly limits: { readonly queue: number; readonly queueWaitMs: number }
  readonly fairness: Fairness
  /** Runs calls as a policy allows, if there is one. */
  readonly runAsAllowed: RunAsAllowed | undefined
  /** How long the lists of an upstream are waited for before it takes the place of another one, in milliseconds. */
  readonly listWaitMs: number
  readonly clock: Clock
  readonly log: Log
  /** An upstream has started, could not be started, or another one has taken its place. */
  readonly changed: (served: ServedUpstream) => void
}

/** How often a retired upstream is looked at. A request that was admitted before may still bring it a call within this time. */
const retirePauseMs = 500

/**
 * How many servers a reload starts at once: a setting that they share may replace those of each tenant, hundreds of them,
 * while calls of all others run.
 */
const mostStarts = 8

/** The pauses before a start is tried again. */
const startPauses: BackOff = { firstMs: 1000, longestMs: 60_000 }

export class ServedUpstreams {
  readonly #needs: ServedUpstreamsNeeds
  readonly #byKey = new Map<string, ServedUpstream>()
  #settings: TenantSetups
  readonly #controls: UpstreamControls
  /** Fires at the close: ends pauses. */
  readonly #closed = new Cancel()
  /** Those that have no name yet, or none any more: they are started in the place of others. */
  readonly #others = new Set<ServedUpstream>()
  /** Those that were started for a reload that has not come to pass, until they have ended. */
  readonly #inVain = new Set<ServedUpstream>()
  readonly #removed = new RemovedUpstreams()

  constructor(needs: ServedUpstreamsNeeds) {
    this.#needs = needs
    this.#controls = new UpstreamControls(
      { ...needs.limits, fairness: needs.fairness, clock: needs.clock },
      (name, line) =>
        needs.createControl({
          name,
          line,
          current: () => this.#byKey.get(name)?.behind,
          isIdempotent: (call) => this.#byKey.get(name)?.isIdempotent(call) === true,
        }),
    )
    this.#settings = needs.settings
    for (const [name, setup] of Object.entries(needs.settings.upstreams)) this.#byKey.set(name, this.#make(name, setup))
    this.#applyLimits()
  }

  #make(key: string, setup: UpstreamSetup): ServedUpstream {
    const { create, runAsAllowed } = this.#needs
    return new ServedUpstream(key, setup, this.#controls.of(key), create, this.#removed, runAsAllowed)
  }

  get(key: string): ServedUpstream | undefined {
    return this.#byKey.get(key)
  }

  /** What an operator can do with an upstream, by its key; by the name of one, with those of tenants as well. */
  operations(key: string): UpstreamOperations | undefined {
    const control = this.#byKey.get(key)?.control
    const named = (): UpstreamOperations[] =>
      this.all.flatMap((one) => (one.key === key || one.name === key ? one.control : []))
    return control && operationsOf(control, named)
  }

  /**
   * The upstream of a name for the callers of a tenant (as the settings name it; undefined where tenants are not told apart):
   * one for them alone, if the tenant has something of its own there. It is started now if it is not there yet.
   */
  forTenant(name: string, tenant: string | undefined): ServedUpstream | undefined {
    const setup = tenant === undefined ? undefined : setupFor(this.#settings, name, tenant)
    if (tenant === undefined || !setup) return this.#byKey.get(name)
    const key = keyOfTenant(name, tenant)
    return this.#byKey.get(key) ?? this.#open(key, setup)
  }

  #open(key: string, setup: UpstreamSetup): ServedUpstream {
    const served = this.#make(key, setup)
    this.#byKey.set(key, served)
    this.#applyLimits()
    const ofAll = this.#byKey.get(served.name)?.control.state()
    if (ofAll) holdAs(served.control, ofAll)
    if (this.#closed.cancelled) void served.close()
    else this.#start(served, () => {}).catch((error: unknown) => this.#tryAgain(served, error))
    return served
  }

  get all(): readonly ServedUpstream[] {
    return [...this.#byKey.values()]
  }

  /**
   * Starts all; resolves as soon as one has started. If none can be started, it throws the error of the only one, or one with all errors.
   * @param discovered see `Upstream.start`; called only if there is one upstream
   */
  async start(discovered: (serverDescription: RawObject) => void): Promise<void> {
    const { all } = this
    const tell = all.length === 1 ? discovered : (): void => {}
    const starts = all.map((served) => this.#start(served, tell))
    try {
      await Promise.any(starts)
    } catch (error) {
      const names = all.map(({ name }) => name)
      throw error instanceof AggregateError ? startErrorOf(names, error.errors) : error
    }
    // Only now is it known that the gateway goes on.
    all.forEach((served, at) => void starts[at]?.catch((error: unknown) => this.#tryAgain(served, error)))
  }

  async #start(served: ServedUpstream, discovered: (serverDescription: RawObject) => void): Promise<void> {
    try {
      const { serverEras } = await served.start(discovered)
      // A merged list does not wait for long for each of its parts.
      if (this.#byKey.size > 1) void learnCommonLists(serverEras, served.catalog)
    } finally {
      if (this.#byKey.get(served.key) === served) this.#needs.changed(served)
    }
  }

  /** Starts new upstreams in the place of one whose start has failed, until one starts. */
  async #tryAgain(failed: ServedUpstream, error: unknown): Promise<void> {
    const { clock, log, changed } = this.#needs
    const { key, setup } = failed
    let reason = error
    void failed.close()
    for (let failures = 1; ; failures++) {
      const pauseMs = Math.round(withJitter(backOffMs(startPauses, failures)))
      log.warn({ upstream: key, again_ms: pauseMs, 'err.message': inShort(reason) }, 'the server could not be started')
      await pauseUnless([this.#closed], clock, pauseMs)
      if (this.#closed.cancelled || this.#byKey.get(key) !== failed) return
      const next = this.#make(key, setup)
      next.succeed(failed)
      this.#others.add(next)
      try {
        await startToReplace(next, this.#needs)
        if (this.#byKey.get(key) === failed) {
          this.#byKey.set(key, next)
          changed(next)
        } else void next.close()
        return
      } catch (again) {
        reason = again
        void next.close()
      } finally {
        this.#others.delete(next)
      }
    }
  }

  /**
   * Starts upstreams that are to be added, or to take the place of others, a few at a time; resolves when all have started.
   * One that was started in vain for an earlier reload ends first: few servers run twice with the same lock or port.
   * @param interrupted ends the wait
   * @throws ReloadError if one of them cannot be started, or a refusal if interrupted; all are closed then
   */
  async prepare(
    setups: ReadonlyArray<readonly [string, UpstreamSetup]>,
    interrupted: Cancel,
  ): Promise<readonly ServedUpstream[]> {
    const keys = new Set(setups.map(([key]) => key))
    const inVain = [...this.#inVain].filter(({ key }) => keys.has(key))
    if (inVain.length > 0) await unlessCancelled(interrupted, Promise.all(inVain.map((served) => served.close())))
    const prepared = setups.map(([key, setup]) => this.#make(key, setup))
    for (const served of prepared) this.#others.add(served)
    try {
      const starts = eachFew(prepared, mostStarts, (one) => startForReload(one, this.#needs), interrupted)
      await unlessCancelled(interrupted, starts)
      return prepared
    } catch (error) {
      this.discardPrepared(prepared)
      throw error
    }
  }

  /**
   * Puts upstreams in place under their keys: those that are kept, and those that were prepared.
   * @param keys in their order
   * @param settings by which upstreams of tenants are opened from now on
   * @returns those that have lost their place
   */
  put(keys: readonly string[], prepared: readonly ServedUpstream[], settings: TenantSetups): readonly ServedUpstream[] {
    this.#settings = settings
    const before = new Map(this.#byKey)
    const given = new Map(prepared.map((served) => [served.key, served]))
    this.#byKey.clear()
    for (const key of keys) {
      const [next, last] = [given.get(key), before.get(key)]
      if (next && last) next.succeed(last)
      const served = next ?? last
      if (served) this.#byKey.set(key, served)
    }
    for (const served of prepared) this.#others.delete(served)
    this.#applyLimits()
    this.#forgetControls()
    for (const { key, facts } of before.values())
      if (!this.#byKey.has(key) && facts?.instance !== undefined) this.#removed.add(facts.instance)
    return [...before.values()].filter((served) => this.#byKey.get(served.key) !== served)
  }

  /** Closes upstreams of a tenant alone, with all that they know: the next caller of the tenant gets others. */
  remove(gone: readonly ServedUpstream[]): void {
    const keys = this.all.flatMap((served) => (gone.includes(served) ? [] : served.key))
    for (const served of this.put(keys, [], this.#settings)) void this.discard(served)
  }

  /** Closes an upstream that has no place, once it has no calls any more, at the latest after `ms` milliseconds. */
  async retire(served: ServedUpstream, isBusy: () => boolean, ms: number): Promise<void> {
    const { clock } = this.#needs
    this.#others.add(served)
    const endMs = clock.now() + ms
    do await pauseUnless([this.#closed], clock, retirePauseMs)
    while (!this.#closed.cancelled && clock.now() < endMs && (served.calls > 0 || isBusy()))
    void this.discard(served)
  }

  /** Closes an upstream that has no place. */
  discard(served: ServedUpstream): Promise<void> {
    this.#others.add(served)
    return served.close().finally(() => this.#others.delete(served))
  }

  /** Closes upstreams that were prepared and get no place. */
  discardPrepared(prepared: readonly ServedUpstream[]): void {
    for (const served of prepared) {
      this.#inVain.add(served)
      void this.discard(served).finally(() => this.#inVain.delete(served))
    }
    this.#forgetControls()
  }

  #applyLimits(): void {
    this.#controls.apply(new Map(Array.from(this.#byKey, ([name, { setup }]) => [name, setup])))
  }

  /** Forgets what an operator did at names that no upstream has any more, or is about to get. */
  #forgetControls(): void {
    const coming = [...this.#others].filter((served) => !this.#inVain.has(served))
    this.#controls.keepOnly(new Set([...this.#byKey.keys(), ...coming.map(({ key }) => key)]))
  }

  /** The figures of all upstreams together. */
  counts(): Readonly<Record<string, number>> {
    return sumCounts(Array.from(this.#byKey.values(), (served) => served.counts()))
  }

  async close(how?: { readonly force?: boolean }): Promise<void> {
    this.#closed.cancel('the gateway is closed')
    this.#controls.close()
    await Promise.all([...this.#byKey.values(), ...this.#others].map((served) => served.close(how)))
  }
}
