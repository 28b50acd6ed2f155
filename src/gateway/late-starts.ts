/** Tells of upstreams that start only after the gateway has reported what it serves: late, or after a start that has failed. */
import type { Clock, Timer } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import type { Log } from '../base/log.ts'
import { type GatewayFacts, reportOf } from './health.ts'
import type { ServedUpstream } from './served-upstream.ts'

/** A start that takes longer is worth a warning: `npx` takes a few seconds, and half a minute if it has to download. */
const longMs = 30_000

export class LateStarts {
  readonly #log: Log
  readonly #events: EventSink
  readonly #clock: Clock
  #warning: Timer | undefined
  /** Those that are known to have started; undefined until the gateway reports what it serves. */
  #known: Set<string> | undefined

  constructor(log: Log, events: EventSink, clock: Clock) {
    this.#log = log
    this.#events = events
    this.#clock = clock
  }

  /**
   * The gateway reports what it serves: those that have not started by then are missing.
   * @param upstreams `all` has those in place at any time
   * @returns the report
   */
  reported(facts: GatewayFacts, upstreams: { readonly all: readonly ServedUpstream[] }): GatewayFacts {
    const started = Object.entries(facts.upstreams).filter(([, { standing }]) => standing === 'started')
    this.#known = new Set(started.map(([name]) => name))
    const missing = Object.keys(facts.upstreams).filter((name) => this.#known?.has(name) === false)
    if (missing.length > 0) {
      this.#log.info({ missing }, 'some servers have not started yet')
      this.#warning = this.#clock.after(longMs, () => this.#warn(upstreams.all))
    }
    // One may have started while the report was made.
    for (const served of upstreams.all) this.changed(served)
    return facts
  }

  close(): void {
    this.#warning?.stop()
  }

  /** A start that has failed has a line of its own. */
  #warn(upstreams: readonly ServedUpstream[]): void {
    const missing = upstreams.filter(({ standing }) => standing === 'starting').map(({ key }) => key)
    if (missing.length > 0) this.#log.warn({ missing }, 'some servers take long to start')
  }

  /** An upstream has started, or could not be started. */
  changed(served: ServedUpstream): void {
    const { key: name, standing } = served
    if (!this.#known || this.#known.has(name) || standing !== 'started') return
    this.#known.add(name)
    reportOf(served).then(
      ({ tools, sharing }) => {
        const counted = `${tools} ${tools === 1 ? 'tool' : 'tools'}`
        this.#log.info({ upstream: name, tools }, `${name} is ready: ${counted}`)
        if (sharing) this.#events.emit('upstreamReady', { upstream: name, tools, sharing })
      },
      () => undefined,
    )
  }
}
