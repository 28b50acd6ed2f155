/**
 * Requests of MCP Apps. The page of an App is a program of its server: it calls the tools and reads the resources of
 * that server by the names that the server gave them, and its host passes the request on. So a name without a member is
 * looked for at the members that have Apps; it must be at one of them alone, which is known only if the lists of all
 * members are. [SEP-1865]
 */
import type { Clock } from '../base/clock.ts'
import type { Page } from '../catalog/pages.ts'
import type { Caller } from '../protocol/call.ts'
import { isObject, type JsonObject, type JsonValue } from '../protocol/json-text.ts'
import { mayBeFor } from './extension-methods.ts'
import { pagesOfMember } from './member-pages.ts'
import { isMissing, type Member, ofMember } from './member.ts'
import type { Members } from './members.ts'

/** What a page of a member's list has of Apps. */
interface AppPage {
  /** Whether a tool of it has a page to show. */
  readonly hasApps: boolean
  /** The names of tools that Apps may call, or the URIs of resources. */
  readonly known: ReadonlySet<string>
}

/** Both throw a `Refusal` if the lists of a member cannot be had: it may be the one whose App asks. */
export interface AppRequests {
  /** The member whose App may call a tool of this own name. */
  findTool(own: string, caller: Caller): Promise<Member | undefined>
  /** The member with Apps that lists a resource of this own URI. */
  findResource(own: string, caller: Caller): Promise<Member | undefined>
}

export function createAppRequests(needs: {
  readonly members: Members
  readonly memberWaitMs: number
  readonly clock: Clock
}): AppRequests {
  const { members, memberWaitMs, clock } = needs
  /** What was read of pages that the catalogues of the members keep. */
  const read = new WeakMap<Page, AppPage>()

  const readPage = (page: Page): AppPage => {
    const known = read.get(page) ?? appPageOf(page.result.value)
    read.set(page, known)
    return known
  }

  const pagesOf = async (member: Member, method: string, caller: Caller): Promise<readonly AppPage[]> => {
    const listed = await pagesOfMember(member, caller, method)
    return listed ? listed.pages.map(readPage) : []
  }

  /** The only member that fulfils this, if one alone does. */
  const only = async (isMeant: (member: Member) => Promise<boolean>): Promise<Member | undefined> => {
    // They may be replaced meanwhile.
    const { list } = members
    const given = await Promise.all(
      list.map((member) => {
        const ms = member.starting?.waitMs(memberWaitMs, clock) ?? memberWaitMs
        return ofMember(member.name, isMeant(member), ms, clock)
      }),
    )
    const missing = given.flatMap((one) => (isMissing(one) ? [one.missing] : []))
    if (missing.length > 0) throw mayBeFor(missing)
    const meant = list.filter((_, at) => {
      const one = given[at]
      return one !== undefined && 'value' in one && one.value
    })
    return meant.length === 1 ? meant[0] : undefined
  }

  return {
    findTool: (own, caller) =>
      only(async (member) => {
        const pages = await pagesOf(member, 'tools/list', caller)
        return pages.some(({ hasApps }) => hasApps) && pages.some(({ known }) => known.has(own))
      }),
    findResource: (own, caller) =>
      only(async (member) => {
        const tools = await pagesOf(member, 'tools/list', caller)
        if (!tools.some(({ hasApps }) => hasApps)) return false
        return (await pagesOf(member, 'resources/list', caller)).some(({ known }) => known.has(own))
      }),
  }
}

function appPageOf(result: JsonObject): AppPage {
  const known = new Set<string>()
  let hasApps = false
  for (const tool of objectsIn(result['tools'])) {
    const meta = isObject(tool['_meta']) ? tool['_meta'] : {}
    const ui = isObject(meta['ui']) ? meta['ui'] : {}
    hasApps ||= typeof (ui['resourceUri'] ?? meta['ui/resourceUri']) === 'string'
    const { visibility } = ui
    const isForApps = !Array.isArray(visibility) || visibility.includes('app')
    if (isForApps && typeof tool['name'] === 'string') known.add(tool['name'])
  }
  for (const { uri } of objectsIn(result['resources'])) if (typeof uri === 'string') known.add(uri)
  return { hasApps, known }
}

function objectsIn(list: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(list) ? (list as readonly JsonValue[]).filter(isObject) : []
}
