/**
 * What the listeners of a unit want together, kept up as they come and go: the ten-thousandth listener must not cost
 * more than the first. Changes of lists are always wanted, since the catalogue wants them.
 */
import type { Filter } from '../protocol/call.ts'

const nothing: object = Object.freeze({})

export class Wants {
  /** How many listeners want to hear of a resource, by URI. Most sessions never do. */
  #counts: Map<string, number> | undefined
  #mark = nothing

  /** Another one after each change of what is wanted. */
  get mark(): object {
    return this.#mark
  }

  has(uri: string): boolean {
    return this.#counts?.has(uri) === true
  }

  uris(): Iterable<string> {
    return this.#counts?.keys() ?? []
  }

  add({ resourceUris }: Filter): void {
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
