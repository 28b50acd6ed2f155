/** The resources of one kind by name. */
import { ResourceError } from './resource-error.ts'

interface NamedResource {
  /** Whether nothing would be forgotten if it were made again. */
  readonly isIdle: boolean
  close(): unknown
}

export class NamedResources<Resource extends NamedResource> {
  readonly #kind: string
  readonly #bound: number
  readonly #byName = new Map<string, { readonly made: Resource; readonly options: string }>()
  #isClosed = false

  /** @param kind the function that makes them, for messages */
  constructor(kind: string, bound: number) {
    this.#kind = kind
    this.#bound = bound
  }

  get all(): Resource[] {
    return Array.from(this.#byName.values(), ({ made }) => made)
  }

  /** All of them with their names. */
  *named(): Generator<readonly [name: string, made: Resource]> {
    for (const [name, { made }] of this.#byName) yield [name, made]
  }

  /**
   * The resource of a name. Throws a `TypeError` if it was made with other options, an `Error` if there are too many.
   * @param options of which what is no function is compared
   * @param make gets what the resource is called in messages
   */
  of(name: string, options: object, make: (resource: string) => Resource): Resource {
    const resource = `${this.#kind}(${JSON.stringify(name)})`
    if (this.#isClosed) throw new ResourceError('closed', resource, 'the server is closed or was replaced; try again')
    const found = this.#byName.get(name)
    const text = JSON.stringify(options, (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))
    if (found?.options === text) return found.made
    if (found) throw new TypeError(`${resource} exists with other options (${found.options}): it was asked for ${text}`)
    if (this.#byName.size >= this.#bound) this.#forgetIdle()
    if (this.#byName.size >= this.#bound)
      throw new Error(`${resource}: there are ${this.#bound} of its kind already; use fewer names`)
    const made = make(resource)
    this.#byName.set(name, { made, options: text })
    return made
  }

  /** All of them; there are no new ones from now on. */
  close(): Resource[] {
    this.#isClosed = true
    return this.all
  }

  #forgetIdle(): void {
    for (const [name, { made }] of this.#byName)
      if (made.isIdle) {
        this.#byName.delete(name)
        void made.close()
      }
  }
}
