/** What stands in front of the calls of each upstream, by name. It stays when another upstream takes the place of one. */
import type { UpstreamControl } from '../upstreams/control/upstream-control.ts'

export class UpstreamControls {
  readonly #create: (name: string) => UpstreamControl
  readonly #byName = new Map<string, UpstreamControl>()

  constructor(create: (name: string) => UpstreamControl) {
    this.#create = create
  }

  /** That of an upstream which has the name, or is about to get it. */
  of(name: string): UpstreamControl {
    const control = this.#byName.get(name) ?? this.#create(name)
    this.#byName.set(name, control)
    return control
  }

  /** Forgets what was done at names that are not in use any more. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const [name, control] of this.#byName) {
      if (names.has(name)) continue
      this.#byName.delete(name)
      control.release()
    }
  }

  close(): void {
    for (const control of this.#byName.values()) control.close()
  }
}
