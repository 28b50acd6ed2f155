/** A member's list, as its catalogue has it for a client. */
import { Refusal } from '../base/refusal.ts'
import { capabilityOf } from '../protocol/methods.ts'
import { capabilitiesIn } from '../protocol/server-description.ts'
import type { Page } from '../catalog/pages.ts'
import type { Caller } from '../protocol/call.ts'
import type { Member } from './member.ts'
import type { MemberPages } from './merged-pages.ts'

/**
 * All pages of a member's list; undefined if it has no such list. A start that is under way is waited for.
 * Throws a `Refusal` if they cannot be had: `upstream_unavailable` before the start, `upstream_invalid` if the server
 * answers with an error.
 */
export async function pagesOfMember(
  { name, catalog, starting }: Member,
  caller: Caller,
  method: string,
): Promise<MemberPages | undefined> {
  if (starting) await starting.over
  const serverDescription = catalog.descriptionAtHand(caller)
  if (capabilitiesIn(serverDescription)[capabilityOf[method] ?? ''] === undefined) return undefined
  const pages: Page[] = []
  let ttlMs = Number.POSITIVE_INFINITY
  for (let cursor: unknown = undefined; ;) {
    const listed = await catalog.page(caller, method, cursor)
    if ('error' in listed) {
      const code = listed.error.kind === 'error' ? listed.error.error.value['code'] : undefined
      // Servers with resources need not have templates.
      if (code === -32601) return undefined
      throw new Refusal('upstream_invalid', { message: 'it answers with an error' })
    }
    pages.push(listed.page)
    ttlMs = Math.min(ttlMs, listed.ttlMs)
    cursor = listed.page.result.value['nextCursor']
    if (typeof cursor !== 'string') break
  }
  return { member: name, pages, ttlMs }
}
