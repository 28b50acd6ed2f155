/**
 * The union of the filters of a group's subscribers, updated as they come and go, so that the ten-thousandth subscriber
 * costs no more than the first. Changes of lists are always wanted, since the catalogue needs them.
 */
import type { ClientKey, Filter } from '../../protocol/call.ts'

const nothing: object = Object.freeze({})

export class SubscriptionCounts {
  /** The number of subscribers of each resource, by URI. Undefined until there is one, as in most sessions. */
  #counts: Map<string, number> | undefined
  #mark = nothing
  #client: ClientKey | undefined
  #isOfOne = true

  /** A new object after each change of the union. */
  get mark(): object {
    return this.#mark
  }

  /** The client of all subscriptions so far; undefined if unknown, or if there were several. */
  get client(): ClientKey | undefined {
    return this.#isOfOne ? this.#client : undefined
  }

  has(uri: string): boolean {
    return this.#counts?.has(uri) === true
  }

  uris(): Iterable<string> {
    return this.#counts?.keys() ?? []
  }

  /** @param client undefined if it cannot be told */
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
