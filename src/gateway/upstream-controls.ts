/**
 * What stands in front of the calls of each upstream, by name, and the limits that several of them share. It stays when
 * another upstream takes the place of one.
 */
import { CallLine, type CallLineNeeds } from '../upstreams/control/call-line.ts'
import type { UpstreamControl } from '../upstreams/control/upstream-control.ts'
import type { ControlSettings } from '../upstreams/control/options.ts'
import type { RetrySettings } from '../upstreams/control/retries.ts'

export class UpstreamControls {
  readonly #lineNeeds: CallLineNeeds
  readonly #create: (name: string, line: CallLine) => UpstreamControl
  readonly #byName = new Map<string, { readonly control: UpstreamControl; readonly ownLine: CallLine }>()
  /** The lines of limits that have a name. */
  #shared: ReadonlyMap<string, CallLine> = new Map()

  constructor(lineNeeds: CallLineNeeds, create: (name: string, line: CallLine) => UpstreamControl) {
    this.#lineNeeds = lineNeeds
    this.#create = create
  }

  /** That of an upstream which has the name, or is about to get it. */
  of(name: string): UpstreamControl {
    const found = this.#byName.get(name)
    if (found) return found.control
    const ownLine = new CallLine(this.#lineNeeds)
    const control = this.#create(name, ownLine)
    this.#byName.set(name, { control, ownLine })
    return control
  }

  /** Applies the settings of the upstreams that are in place. Upstreams that name the same limit share one line. */
  apply(settings: ReadonlyMap<string, ControlSettings & RetrySettings>): void {
    const shared = new Map<string, CallLine>()
    const all = new Map<CallLine, ControlSettings[]>()
    for (const [name, own] of settings) {
      const { limit } = own
      const found = this.#byName.get(name)
      if (!found) continue
      const line = limit === '' ? found.ownLine : (shared.get(limit) ?? this.#shared.get(limit))
      const to = line ?? new CallLine(this.#lineNeeds)
      if (limit !== '') shared.set(limit, to)
      found.control.moveTo(to)
      found.control.applyBreaker(own)
      found.control.applyRetries(own)
      all.set(to, [...(all.get(to) ?? []), own])
    }
    this.#shared = shared
    for (const [line, sharing] of all) limitLine(line, sharing)
  }

  /** Forgets what was done at names that are not in use any more. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const [name, { control }] of this.#byName) {
      if (names.has(name)) continue
      this.#byName.delete(name)
      control.release()
    }
  }

  close(): void {
    for (const { control } of this.#byName.values()) control.close()
  }
}

/** Sets how many calls run at once, by the settings of all upstreams that share the line. */
function limitLine(line: CallLine, sharing: readonly ControlSettings[]): void {
  const most = Math.min(...sharing.map(({ concurrency }) => concurrency || Infinity))
  const adaptive = sharing.filter(({ adaptiveMax }) => adaptiveMax > 0)
  if (adaptive.length === 0) {
    line.concurrency = most
    return
  }
  const max = Math.min(most, ...adaptive.map(({ adaptiveMax }) => adaptiveMax))
  line.adapt({ min: Math.min(max, ...adaptive.map(({ adaptiveMin }) => adaptiveMin)), max })
}
