/**
 * Methods of extensions, in which nothing says for which member they are: they go to the only member that announces
 * extensions with methods of their own, if there is exactly one. [2026-07-28 extensions]
 */
import { capabilitiesIn } from '../protocol/server-description.ts'
import type { Caller } from '../protocol/call.ts'
import { isObject } from '../protocol/json-text.ts'
import { tasksExtension } from '../protocol/revisions.ts'
import type { Member } from './member.ts'

export const skillsExtension = 'io.modelcontextprotocol/skills'

/** Extensions whose methods are routed by what they name, or that have none. */
const routed = new Set([skillsExtension, tasksExtension, 'io.modelcontextprotocol/ui'])

/** The extensions that a member announces to such a client; none as long as it has not started. */
export function extensionsOf({ catalog }: Member, caller: Caller): readonly string[] {
  try {
    const { extensions } = capabilitiesIn(catalog.descriptionAtHand(caller))
    return isObject(extensions) ? Object.keys(extensions) : []
  } catch {
    return []
  }
}

/** The member for a method that names none; undefined if it may be for several, or for none. */
export function extensionMember(members: readonly Member[], caller: Caller): Member | undefined {
  const having = members.filter((member) => extensionsOf(member, caller).some((name) => !routed.has(name)))
  return having.length === 1 ? having[0] : undefined
}
