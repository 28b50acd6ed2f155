/**
 * Passes everything to the one upstream behind it; the place where a choice between several will be made (decision 0033).
 * The gateway and the catalogue know the router alone.
 *
 * Promises: it adds nothing to what that upstream promises, and takes nothing away. A reply is that of the upstream
 * itself, since a second generator around it would cost every call (bench/micro/router.mjs).
 */
import type { HealthCheck } from '../../protocol/health.ts'
import type { Call, Caller, Filter, Reply } from '../../protocol/call.ts'
import type { RawObject } from '../../protocol/json-text.ts'
import type { CatalogSource, Subscriber, Subscription, Upstream, UpstreamFacts } from '../upstream.ts'

export class Router implements Upstream {
  readonly #upstream: Upstream

  constructor(upstream: Upstream) {
    this.#upstream = upstream
  }

  get catalog(): CatalogSource {
    return this.#upstream.catalog
  }

  start(discovered: (serverDescription: RawObject) => void): Promise<UpstreamFacts> {
    return this.#upstream.start(discovered)
  }

  call(call: Call): Reply {
    return this.#upstream.call(call)
  }

  subscribe(caller: Caller, filter: Filter, subscriber: Subscriber): Promise<Subscription> {
    return this.#upstream.subscribe(caller, filter, subscriber)
  }

  notify(caller: Caller, method: string, params: RawObject | undefined): void {
    this.#upstream.notify(caller, method, params)
  }

  endSession(caller: Caller): void {
    this.#upstream.endSession(caller)
  }

  health(): Promise<HealthCheck> {
    return this.#upstream.health()
  }

  counts(): Readonly<Record<string, number>> {
    return this.#upstream.counts()
  }

  close(how?: { readonly force?: boolean }): Promise<void> {
    return this.#upstream.close(how)
  }
}
