/**
 * All upstreams of a gateway, by name: starts them at the same time, tries those again whose start fails, and ends them.
 * One that cannot be started delays no other one.
 */
import { type BackOff, backOffMs, withJitter } from '../base/backoff.ts'
import { type Clock, pauseUnless } from '../base/clock.ts'
import { Cancel } from '../base/cancel.ts'
import type { Log } from '../base/log.ts'
import { sumCounts } from '../base/sum-counts.ts'
import { unlessCancelled } from '../base/unless-cancelled.ts'
import { within } from '../catalog/within.ts'
import type { RawObject } from '../protocol/json-text.ts'
import type { UpstreamControl } from '../upstreams/control/upstream-control.ts'
import type { UpstreamControlNeeds } from '../upstreams/control/upstream-control-needs.ts'
import type { UpstreamSetup } from '../upstreams/options.ts'
import { CommandStartError } from '../upstreams/stdio/command-start-error.ts'
import { learnCommonLists } from './common-lists.ts'
import { ReloadError } from './reload-error.ts'
import { RemovedUpstreams } from './former-upstreams.ts'
import { startErrorOf } from './start-error.ts'
import { type CreateUpstream, ServedUpstream } from './served-upstream.ts'
import { UpstreamControls } from './upstream-controls.ts'

type ControlOfName = Pick<UpstreamControlNeeds, 'name' | 'line' | 'current' | 'isIdempotent'>

export interface ServedUpstreamsNeeds {
  readonly setups: Readonly<Record<string, UpstreamSetup>>
  readonly create: CreateUpstream
  /** Makes what stands in front of the calls of a name. */
  readonly createControl: (needs: ControlOfName) => UpstreamControl
  /** How many calls may wait in front of an upstream, and for how long, in milliseconds. */
  readonly limits: { readonly queue: number; readonly queueWaitMs: number }
  /** How long the lists of an upstream are waited for before it takes the place of another one, in milliseconds. */
  readonly listWaitMs: number
  readonly clock: Clock
  readonly log: Log
  /** An upstream has started, could not be started, or another one has taken its place. */
  readonly changed: (served: ServedUpstream) => void
}

/** How often a retired upstream is looked at. A request that was admitted before may still bring it a call within this time. */
const retirePauseMs = 500

/** The pauses before a start is tried again. */
const startPauses: BackOff = { firstMs: 1000, longestMs: 60_000 }

export class ServedUpstreams {
  readonly #needs: ServedUpstreamsNeeds
  readonly #byName = new Map<string, ServedUpstream>()
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
    this.#controls = new UpstreamControls({ ...needs.limits, clock: needs.clock }, (name, line) =>
      needs.createControl({
        name,
        line,
        current: () => this.#byName.get(name)?.behind,
        isIdempotent: (call) => this.#byName.get(name)?.isIdempotent(call) === true,
      }),
    )
    for (const [name, setup] of Object.entries(needs.setups)) this.#byName.set(name, this.#make(name, setup))
    this.#applyLimits()
  }

  #make(name: string, setup: UpstreamSetup): ServedUpstream {
    return new ServedUpstream(name, setup, this.#controls.of(name), this.#needs.create, this.#removed)
  }

  get(name: string): ServedUpstream | undefined {
    return this.#byName.get(name)
  }

  get all(): readonly ServedUpstream[] {
    return [...this.#byName.values()]
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
      if (this.#byName.size > 1) void learnCommonLists(serverEras, served.catalog)
    } finally {
      if (this.#byName.get(served.name) === served) this.#needs.changed(served)
    }
  }

  /** Starts new upstreams in the place of one whose start has failed, until one starts. */
  async #tryAgain(failed: ServedUpstream, error: unknown): Promise<void> {
    const { clock, log, changed } = this.#needs
    const { name, setup } = failed
    let reason = error
    void failed.close()
    for (let failures = 1; ; failures++) {
      const pauseMs = Math.round(withJitter(backOffMs(startPauses, failures)))
      log.warn({ upstream: name, again_ms: pauseMs, 'err.message': inShort(reason) }, 'the server could not be started')
      await pauseUnless([this.#closed], clock, pauseMs)
      if (this.#closed.cancelled || this.#byName.get(name) !== failed) return
      const next = this.#make(name, setup)
      next.succeed(failed)
      this.#others.add(next)
      try {
        await this.#startToReplace(next)
        if (this.#byName.get(name) === failed) {
          this.#byName.set(name, next)
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
   * Starts upstreams that are to be added, or to take the place of others; resolves when all have started. One that was
   * started in vain for an earlier reload ends first: few servers run twice with the same lock or port.
   * @param interrupted ends the wait
   * @throws ReloadError if one of them cannot be started, or a refusal if interrupted; all are closed then
   */
  async prepare(
    setups: ReadonlyArray<readonly [string, UpstreamSetup]>,
    interrupted: Cancel,
  ): Promise<readonly ServedUpstream[]> {
    const names = new Set(setups.map(([name]) => name))
    const inVain = [...this.#inVain].filter(({ name }) => names.has(name))
    if (inVain.length > 0) await unlessCancelled(interrupted, Promise.all(inVain.map((served) => served.close())))
    const prepared = setups.map(([name, setup]) => this.#make(name, setup))
    for (const served of prepared) this.#others.add(served)
    try {
      await unlessCancelled(interrupted, Promise.all(prepared.map((one) => this.#startForReload(one))))
      return prepared
    } catch (error) {
      this.discardPrepared(prepared)
      throw error
    }
  }

  async #startForReload(served: ServedUpstream): Promise<void> {
    try {
      await this.#startToReplace(served)
    } catch (cause) {
      const { name } = served
      const message = `the upstream ${name} could not be started, so nothing was changed: ${inShort(cause)}`
      throw new ReloadError(message, { upstream: name, cause })
    }
  }

  /**
   * Starts an upstream that no client has yet. Its lists are learnt before it takes its place, if that does not take too
   * long: so no list lacks it then, and the first calls of its tools are known by their names.
   */
  async #startToReplace(served: ServedUpstream): Promise<void> {
    const { serverEras } = await served.start(() => {})
    await within(this.#needs.clock, this.#needs.listWaitMs, learnCommonLists(serverEras, served.catalog))
  }

  /**
   * Puts upstreams in place under their names: those that are kept, and those that were prepared.
   * @param names in their order
   * @returns those that have lost their place
   */
  put(names: readonly string[], prepared: readonly ServedUpstream[]): readonly ServedUpstream[] {
    const before = new Map(this.#byName)
    const given = new Map(prepared.map((served) => [served.name, served]))
    this.#byName.clear()
    for (const name of names) {
      const [next, last] = [given.get(name), before.get(name)]
      if (next && last) next.succeed(last)
      const served = next ?? last
      if (served) this.#byName.set(name, served)
    }
    for (const served of prepared) this.#others.delete(served)
    this.#applyLimits()
    this.#forgetControls()
    for (const { name, facts } of before.values())
      if (!this.#byName.has(name) && facts?.instance !== undefined) this.#removed.add(facts.instance)
    return [...before.values()].filter((served) => this.#byName.get(served.name) !== served)
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
    this.#controls.apply(new Map(Array.from(this.#byName, ([name, { setup }]) => [name, setup])))
  }

  /** Forgets what an operator did at names that no upstream has any more, or is about to get. */
  #forgetControls(): void {
    const coming = [...this.#others].filter((served) => !this.#inVain.has(served))
    this.#controls.keepOnly(new Set([...this.#byName.keys(), ...coming.map(({ name }) => name)]))
  }

  /** The figures of all upstreams together. */
  counts(): Readonly<Record<string, number>> {
    return sumCounts(Array.from(this.#byName.values(), (served) => served.counts()))
  }

  async close(how?: { readonly force?: boolean }): Promise<void> {
    this.#closed.cancel('the gateway is closed')
    this.#controls.close()
    await Promise.all([...this.#byName.values(), ...this.#others].map((served) => served.close(how)))
  }
}

/** Why a server could not be started, in one line. */
export function inShort(reason: unknown): string {
  if (reason instanceof CommandStartError) {
    const { message, exit, command } = reason
    return `${message}${exit === undefined ? '' : ` (${exit})`}: ${command}`
  }
  return reason instanceof Error ? reason.message : String(reason)
}
