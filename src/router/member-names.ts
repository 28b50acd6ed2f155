/**
 * Finds the tool or prompt of a member that a name of a client stands for. A short form is found in the lists of the
 * member, of which the last ones are kept: a short form stands for the same
 * name for every client.
 */
import type { Clock } from '../base/clock.ts'
import { Refusal } from '../base/refusal.ts'
import type { Caller } from '../protocol/call.ts'
import { isObject } from '../protocol/json-text.ts'
import type { AppRequests } from './app-requests.ts'
import { type Member, ofMember } from './member.ts'
import type { Members } from './members.ts'
import { entriesKey } from './merged-pages.ts'

type List = 'tools/list' | 'prompts/list'

/** The most short forms that are kept: more than all lists of usual servers have. */
const maxKept = 4096

export interface FoundName {
  readonly member: Member
  /** The name as the member has it. */
  readonly own: string
}

export interface MemberNames {
  /**
   * The tool or prompt, unless the view hides it. Fetches the list of the member if the name is a short form, and the
   * lists of all members if it may be a tool that an App calls.
   */
  find(list: List, shown: string, caller: Caller): Promise<FoundName | undefined>
  /** The same from what is known. */
  known(list: List, shown: string): FoundName | undefined
  /** The same, also if the view hides it: for operators. */
  knownOrHidden(shown: string): FoundName | undefined
}

export function createMemberNames(needs: {
  readonly members: Members
  readonly appRequests: Pick<AppRequests, 'findTool'>
  readonly memberWaitMs: number
  readonly clock: Clock
}): MemberNames {
  const { members, appRequests, memberWaitMs, clock } = needs
  /** Own names by their short forms, the oldest first. */
  const shortForms = new Map<string, string>()

  const keep = (shown: string, own: string): void => {
    shortForms.set(shown, own)
    const [oldest] = shortForms.keys()
    if (shortForms.size > maxKept && oldest !== undefined) shortForms.delete(oldest)
  }

  const seen = (list: List, member: Member, own: string): FoundName | undefined =>
    members.seesName(list, member.name, own) ? { member, own } : undefined

  const ownNameOf = async (list: List, member: Member, shown: string, caller: Caller): Promise<string | undefined> => {
    for (let cursor: unknown = undefined; ;) {
      const listed = await member.catalog.page(caller, list, cursor)
      if ('error' in listed) return undefined
      const { result } = listed.page
      const entries = result.value[entriesKey[list] ?? '']
      for (const entry of Array.isArray(entries) ? entries : []) {
        const own = isObject(entry) ? entry['name'] : undefined
        if (typeof own === 'string' && members.naming.names.all(member.name, own).includes(shown)) return own
      }
      cursor = result.value['nextCursor']
      if (typeof cursor !== 'string') return undefined
    }
  }

  const knownOrHidden = (shown: string): FoundName | undefined => {
    const found = members.naming.names.find(shown)
    const member = found && members.find(found.member)
    return member && { member, own: (found.mayBeShort ? shortForms.get(shown) : undefined) ?? found.own }
  }

  return {
    known(list, shown) {
      const found = knownOrHidden(shown)
      return found && seen(list, found.member, found.own)
    },
    knownOrHidden,
    async find(list, shown, caller) {
      const found = members.naming.names.find(shown)
      if (!found && list === 'tools/list') {
        const app = await appRequests.findTool(shown, caller)
        return app && seen(list, app, shown)
      }
      const member = found && members.find(found.member)
      if (!member) return undefined
      if (!found.mayBeShort) return seen(list, member, found.own)
      const kept = shortForms.get(shown)
      if (kept !== undefined) return seen(list, member, kept)
      const given = await ofMember(member.name, ownNameOf(list, member, shown, caller), memberWaitMs, clock)
      if ('missing' in given) throw given.error ?? new Refusal('upstream_unavailable')
      const own = given.value
      if (own !== undefined) keep(shown, own)
      return seen(list, member, own ?? found.own)
    },
  }
}
