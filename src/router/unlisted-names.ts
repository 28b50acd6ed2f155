/**
 * Where tenants are told apart, a name that a server does not list is refused as one that is hidden: the words of the
 * server for a tool that it does not have would show which names are hidden.
 */
import type { Clock } from '../base/clock.ts'
import type { Caller } from '../protocol/call.ts'
import { isObject } from '../protocol/json-text.ts'
import { type Member, ofMember } from './member.ts'
import { pagesOfMember } from './member-pages.ts'
import { entriesKey } from './merged-pages.ts'
import { type Target, unknown } from './target.ts'

/**
 * Throws `invalid_params` for a name that the list of its member lacks. Passes if the list cannot be had: the member says
 * itself why. Returns nothing if the name is known to be listed.
 */
export function refuseUnlisted(
  member: Member,
  { list, own }: Pick<NonNullable<Target['named']>, 'list' | 'own'>,
  caller: Caller,
  { memberWaitMs, clock }: { readonly memberWaitMs: number; readonly clock: Clock },
): Promise<void> | undefined {
  if (member.catalog.isListed(caller, list, own)) return undefined
  return ofMember(member.name, pagesOfMember(member, caller, list), memberWaitMs, clock).then((given) => {
    if ('missing' in given || !given.value) return
    const key = entriesKey[list] ?? ''
    const isListed = given.value.pages.some(({ result }) => {
      const entries = result.value[key]
      return Array.isArray(entries) && entries.some((entry) => isObject(entry) && entry['name'] === own)
    })
    if (!isListed) throw unknown(list)
  })
}
