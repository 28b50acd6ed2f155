/**
 * What the listeners of a unit want together, kept up as they come and go: the ten-thousandth listener must not cost
 * more than the first. Changes of lists are always wanted, since the catalogue wants them.
 */
import type { ClientKey, Filter } from '../../protocol/call.ts'

const nothing: object = Object.freeze({})

export class SubscriptionCounts {
  /** How many listeners want to hear of a resource, by URI. Most sessions never do. */
  #counts: Map<string, number> | undefined
  #mark = nothing
  #client: ClientKey | undefined
  #isOfOne = true

  /** Another one after each change of what is wanted. */
  get mark(): object {
    return this.#mark
  }

  /** The client of all resources that were ever wanted here; undefined if it cannot be told, or if there were several. */
  get client(): ClientKey | undefined {
    return this.#isOfOne ? this.#client : undefined
  }

  has(uri: string): boolean {
    return this.#counts?.has(uri) === true
  }

  uris(): Iterable<string> {
    return this.#counts?.keys() ?? []
  }

  /** @param client who wants it; undefined if that cannot be told */
  add({ resourceUris }: Filter, client: ClientKey | undefined): void {
    if (resourceUris.size > 0) {
      this.#client ??= client
      this.#isOfOne &&= client !== undefined && client === this.#client
    }
    for (const uri of resourceUris) {
      const counts = (this.#counts ??= new Map())
      const count = counts.get(uri) ?? 0
      counts.set(uri, count + 1)
      if (count === 0) this.#mark = {}
    }
  }

  remove({ resourceUris }: Filter): void {
    for (const uri of resourceUris) {
      const count = this.#counts?.get(uri) ?? 0
      if (count > 1) this.#counts?.set(uri, count - 1)
      else if (this.#counts?.delete(uri)) this.#mark = {}
    }
  }
}
