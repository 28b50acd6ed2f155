/** Tells of upstreams that start only after the gateway has reported what it serves: late, or after a start that has failed. */
import type { EventSink } from '../base/events.ts'
import type { Log } from '../base/log.ts'
import { type GatewayFacts, reportOf } from './health.ts'
import type { ServedUpstream } from './served-upstream.ts'

export class LateStarts {
  readonly #log: Log
  readonly #events: EventSink
  /** Those that are known to have started; undefined until the gateway reports what it serves. */
  #known: Set<string> | undefined

  constructor(log: Log, events: EventSink) {
    this.#log = log
    this.#events = events
  }

  /** The gateway reports what it serves: those that have not started by then are missing. @returns the report */
  reported(facts: GatewayFacts, upstreams: readonly ServedUpstream[]): GatewayFacts {
    const started = Object.entries(facts.upstreams).filter(([, { standing }]) => standing === 'started')
    this.#known = new Set(started.map(([name]) => name))
    const missing = Object.keys(facts.upstreams).filter((name) => this.#known?.has(name) === false)
    if (missing.length > 0) this.#log.warn({ missing }, 'some servers have not started yet')
    // One may have started while the report was made.
    for (const served of upstreams) this.changed(served)
    return facts
  }

  /** An upstream has started, or could not be started. */
  changed(served: ServedUpstream): void {
    const { name, standing } = served
    if (!this.#known || this.#known.has(name) || standing !== 'started') return
    this.#known.add(name)
    reportOf(served).then(
      ({ tools }) => {
        const counted = `${tools} ${tools === 1 ? 'tool' : 'tools'}`
        this.#log.info({ upstream: name, tools }, `${name} is ready: ${counted}`)
        this.#events.emit('upstreamReady', { upstream: name, tools })
      },
      () => undefined,
    )
  }
}
