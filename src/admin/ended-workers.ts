/** How many workers of each upstream have ended, by reason. */
import type { EventSource, WorkerEnd } from '../base/events.ts'

/** As many upstreams are remembered as /metrics shows: of others that a file once had, nothing is shown. */
const mostUpstreams = 500

/** The upstream of a command line, whose events name none. */
const onlyUpstream = 'server'

export class EndedWorkers {
  readonly #counts = new Map<string, Partial<Record<WorkerEnd, number>>>()

  /** Listens from now on, for as long as the gateway lives. */
  constructor(events: EventSource) {
    events.on('workerEnded', ({ upstream = onlyUpstream, reason }) => {
      const counts = this.#counts.get(upstream) ?? {}
      counts[reason] = (counts[reason] ?? 0) + 1
      // Put at the end: those whose workers ended last are kept.
      this.#counts.delete(upstream)
      this.#counts.set(upstream, counts)
      const [oldest] = this.#counts.keys()
      if (this.#counts.size > mostUpstreams && oldest !== undefined) this.#counts.delete(oldest)
    })
  }

  /** Those of an upstream since mcplex began, also of servers that it had before. */
  of(upstream: string): Readonly<Partial<Record<WorkerEnd, number>>> {
    return this.#counts.get(upstream) ?? {}
  }
}
