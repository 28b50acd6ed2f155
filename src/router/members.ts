/**
 * The members of a router, with the names and the view under which clients see them. They are replaced as a whole.
 */
import type { RawObject } from '../protocol/json-text.ts'
import type { Member } from './member.ts'
import { createNaming, type Naming, type NamingSettings } from './naming.ts'
import { createTranslation, type Translation } from './translation.ts'
import { createView, type View, type ViewSettings } from './view.ts'

export class Members {
  readonly #naming: NamingSettings
  readonly #viewSettings: ViewSettings
  #list: readonly Member[] = []
  #byName = new Map<string, Member>()
  #translations = new Map<string, Translation>()
  naming: Naming
  view: View

  constructor(needs: {
    readonly members: readonly Member[]
    readonly naming: NamingSettings
    readonly view: ViewSettings
  }) {
    this.#naming = needs.naming
    this.#viewSettings = needs.view
    this.naming = createNaming([], needs.naming)
    this.view = createView(needs.view, this.naming.names)
    this.replace(needs.members)
  }

  get list(): readonly Member[] {
    return this.#list
  }

  get hasPrefix(): boolean {
    return this.#naming.hasPrefix
  }

  replace(members: readonly Member[]): void {
    this.#list = members
    this.#byName = new Map(members.map((member) => [member.name, member]))
    this.naming = createNaming([...this.#byName.keys()], this.#naming)
    this.view = createView(this.#viewSettings, this.naming.names)
    this.#translations = new Map(members.map(({ name }) => [name, createTranslation(name, this.naming)]))
  }

  find(name: string): Member | undefined {
    return this.#byName.get(name)
  }

  /** How clients see what a member sends; undefined if nothing is changed. */
  translationOf(member: string): Translation | undefined {
    return this.naming.isPlain ? undefined : this.#translations.get(member)
  }

  /** An entry of a member's list for clients; undefined if they do not see it, or if the member is gone by now. */
  shownEntry(member: string, method: string, entry: RawObject): RawObject | undefined {
    if (!this.#byName.has(member)) return undefined
    const { name } = entry.value
    if (method === 'tools/list' && (typeof name !== 'string' || !this.view.seesTool(member, name))) return undefined
    return this.translationOf(member)?.entry(method, entry) ?? entry
  }
}
