/**
 * The members of a router, with the names and the view under which clients see them. They are replaced as a whole.
 */
import type { RawObject } from '../protocol/json-text.ts'
import type { Member } from './member.ts'
import { shownResourcesAlone } from './hidden-resources.ts'
import { allowsWhole, bothViews, createTenantView, type TenantView } from './tenant-view.ts'
import { createNaming, type Naming, type NamingSettings } from './naming.ts'
import { createTranslation, type Translation } from './translation.ts'
import { createView, type View, type ViewSettings } from './view.ts'

export class Members {
  readonly #naming: NamingSettings
  readonly #viewSettings: ViewSettings
  readonly #tenantSettings: TenantView | undefined
  readonly #tenant: View | undefined
  #list: readonly Member[] = []
  #byName = new Map<string, Member>()
  #translations = new Map<string, Translation>()
  naming: Naming
  view: View

  constructor(needs: {
    readonly members: readonly Member[]
    readonly naming: NamingSettings
    readonly view: ViewSettings
    readonly tenant?: TenantView | undefined
  }) {
    this.#naming = needs.naming
    this.#viewSettings = needs.view
    this.#tenantSettings = needs.tenant
    this.#tenant = needs.tenant && createTenantView(needs.tenant)
    this.naming = createNaming([], needs.naming)
    this.view = createView(needs.view, this.naming.names)
    this.replace(needs.members)
  }

  /** Whether prompts and resources may be hidden as well. */
  get isOfTenant(): boolean {
    return this.#tenant !== undefined
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
    const view = createView(this.#viewSettings, this.naming.names)
    this.view = this.#tenant ? bothViews(view, this.#tenant) : view
    this.#translations = new Map(members.map(({ name }) => [name, createTranslation(name, this.naming)]))
  }

  find(name: string): Member | undefined {
    return this.#byName.get(name)
  }

  /** How clients see what a member sends; undefined if nothing is changed. */
  translationOf(member: string): Translation | undefined {
    return this.naming.isPlain ? undefined : this.#translations.get(member)
  }

  /** What clients see of the result of a method. */
  resultTranslationOf(member: string, method: string): Translation | undefined {
    const translation = this.translationOf(member)
    return this.#tenant ? shownResourcesAlone(translation, method, this.#seesUri(member)) : translation
  }

  /** The members that get methods which mcplex does not know: what such a method reaches, no pattern can say. */
  get unrestricted(): readonly Member[] {
    const tenant = this.#tenantSettings
    return tenant ? this.#list.filter(({ name }) => allowsWhole(tenant, name)) : this.#list
  }

  /** An entry of a member's list for clients; undefined if they do not see it, or if the member is gone by now. */
  shownEntry(member: string, method: string, entry: RawObject): RawObject | undefined {
    if (!this.#byName.has(member)) return undefined
    if (!this.#sees(member, method, entry)) return undefined
    const translation = this.resultTranslationOf(member, method)
    return translation?.entry(method, entry) ?? entry
  }

  /** Whether clients see a tool or prompt of a member. */
  seesName(list: 'tools/list' | 'prompts/list', member: string, own: string): boolean {
    return list === 'tools/list' ? this.view.seesTool(member, own) : this.view.seesPrompt(member, own)
  }

  #seesUri(member: string): (uri: string) => boolean {
    return (uri) => this.view.seesResource(member, uri)
  }

  #sees(member: string, method: string, { value }: RawObject): boolean {
    const own = value[identifiedBy[method] ?? 'uri']
    if (method === 'tools/list') return typeof own === 'string' && this.view.seesTool(member, own)
    if (this.#tenant === undefined) return true
    if (typeof own !== 'string') return false
    if (method === 'prompts/list') return this.view.seesPrompt(member, own)
    return method === 'resources/templates/list'
      ? this.view.seesTemplate(member, own)
      : this.view.seesResource(member, own)
  }
}

/** The member of an entry that names it, by the list; others are resources, and have a URI. */
const identifiedBy: Readonly<Record<string, string>> = {
  'tools/list': 'name',
  'prompts/list': 'name',
  'resources/templates/list': 'uriTemplate',
}
