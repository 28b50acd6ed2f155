/**
 * The catalogue of a router: the descriptions and lists of its members as one. Nothing is learnt here: each member has a
 * catalogue of its own, which answers from what it has learnt. A member that cannot answer in time is named in the
 * answer and in the log, and the others are listed without it.
 */
import type { Clock } from '../base/clock.ts'
import type { MemoryBudget } from '../base/memory-budget.ts'
import { Refusal } from '../base/refusal.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Caller } from '../protocol/call.ts'
import type { RawObject } from '../protocol/json-text.ts'
import { type Given, type Member, type Missing, ofMember } from './member.ts'
import { pagesOfMember } from './member-pages.ts'
import { mergeDescriptions } from './merged-description.ts'
import { createMergedPages, entriesKey, type MemberPages, mergedCursor, shortestTtl } from './merged-pages.ts'
import type { MemberNames } from './member-names.ts'
import type { Members } from './members.ts'
import type { MissingMembers } from './missing-members.ts'

export interface MergedCatalogNeeds {
  /** The name of the merged server, for clients. */
  readonly serverName: string
  /** How long the others wait for a member, in milliseconds. */
  readonly memberWaitMs: number
  readonly members: Members
  readonly memberNames: MemberNames
  readonly memory: MemoryBudget
  readonly missingMembers: Pick<MissingMembers, 'note' | 'answered' | 'isMissing'>
  readonly clock: Clock
}

export interface MergedCatalog extends Catalog {
  /** The members, or their names, have changed. */
  changed(): void
}

export function createMergedCatalog(needs: MergedCatalogNeeds): MergedCatalog {
  const { members, memberNames, missingMembers, memberWaitMs, clock } = needs
  const merged = createMergedPages(needs.memory, (member, method, entry) => members.shownEntry(member, method, entry))

  /** @param list the members that were asked: they may be replaced meanwhile */
  const describe = (caller: Caller, list: readonly Member[], given: readonly Given<RawObject>[]): RawObject => {
    const described = given.flatMap((one, at) =>
      'value' in one ? [{ member: list[at]?.name ?? '', serverDescription: one.value }] : [],
    )
    const missing = given.flatMap((one) => ('missing' in one ? [one.missing] : []))
    const { hasPrefix } = members
    return mergeDescriptions(described, missing, caller.client, { name: needs.serverName, hasPrefix })
  }

  /**
   * Waits for a member, unless it is known to be missing or its start has been waited for; then only what it can tell at
   * once counts. If it does not answer, it is asked again in the background.
   * @param instead what is known of it, perhaps older; undefined or an error if nothing is
   */
  const waitFor = async <T>(
    { name, starting }: Member,
    ask: () => Promise<T>,
    instead: () => T | undefined,
  ): Promise<Given<T>> => {
    const ms = starting ? starting.waitMs(memberWaitMs, clock) : missingMembers.isMissing(name) ? 0 : memberWaitMs
    const answer = await ofMember(name, later(ask), ms, clock, () => missingMembers.answered(name))
    if ('value' in answer) return answer
    const other = orNothing(instead)
    missingMembers.note(name, answer.missing.reason, () => later(ask), other !== undefined)
    return other === undefined ? answer : { value: other }
  }

  const descriptionAtHand = (caller: Caller): RawObject =>
    describe(
      caller,
      members.list,
      members.list.map(({ name, catalog }): Given<RawObject> => {
        const value = orNothing(() => catalog.descriptionAtHand(caller))
        return value ? { value } : notStarted(name)
      }),
    )

  const allPages = async (
    caller: Caller,
    method: string,
  ): Promise<{ readonly given: readonly MemberPages[]; readonly missing: readonly Missing[] }> => {
    const { list } = members
    const answers = await Promise.all(
      list.map((member) =>
        waitFor<MemberPages | undefined>(
          member,
          () => pagesOfMember(member, caller, method),
          () => {
            const pages = member.catalog.known(caller, method)
            return pages && { member: member.name, pages, ttlMs: 0 }
          },
        ),
      ),
    )
    const given: MemberPages[] = []
    const missing: Missing[] = []
    for (const answer of answers) {
      if ('missing' in answer) missing.push(answer.missing)
      else if (answer.value) given.push(answer.value)
    }
    const [first] = answers
    // Nothing to list: the refusal of the first says why.
    if (missing.length === answers.length && first && 'error' in first && first.error) throw first.error
    if (given.length === 0 && missing.length === 0) throw new Refusal('method_not_found')
    return { given, missing }
  }

  return {
    async serverDescription(caller) {
      const { list } = members
      const given = await Promise.all(
        list.map(async (member) => {
          const { name, catalog, starting } = member
          // A handshake waits for no start, and what is only starting counts as missing in no list.
          if (starting) return notStarted(name)
          return waitFor(
            member,
            () => catalog.serverDescription(caller),
            () => catalog.descriptionAtHand(caller),
          )
        }),
      )
      const [first] = given
      // Nothing to describe: the refusal of the first says why.
      if (given.every((one) => 'missing' in one) && first && 'error' in first) throw first.error
      return describe(caller, list, given)
    },
    descriptionAtHand,
    isList: (method) => Object.hasOwn(entriesKey, method),
    async page(caller, method, cursor) {
      if (!Object.hasOwn(entriesKey, method)) throw new Refusal('method_not_found')
      const { given, missing } = await allPages(caller, method)
      const { generation, pages } = merged.merge(method, given, missing)
      const index = typeof cursor === 'string' ? Number(cursor.slice(generation.length + 1)) : 0
      const page = pages[index]
      const isOurs = cursor === undefined || (index > 0 && cursor === mergedCursor(generation, index))
      if (!isOurs || !page) throw new Refusal('invalid_params', { message: 'This cursor is not valid (any more).' })
      return { page, ttlMs: shortestTtl(given, missing) }
    },
    known(caller, method) {
      const given = members.list.flatMap(({ name, catalog }) => {
        const pages = orNothing(() => catalog.known(caller, method))
        return pages ? [{ member: name, pages, ttlMs: 0 }] : []
      })
      return given.length === 0 ? undefined : merged.merge(method, given, []).pages
    },
    get mirrorsHeaders() {
      return members.list.some(({ catalog }) => catalog.mirrorsHeaders)
    },
    get hasTaskOnly() {
      return members.list.some(({ catalog }) => catalog.hasTaskOnly)
    },
    async isTaskOnly(caller, tool) {
      const found = await memberNames.find('tools/list', tool, caller)
      return found !== undefined && found.member.catalog.isTaskOnly(caller, found.own)
    },
    isListed(caller, list, name) {
      const found = memberNames.knownOrHidden(name)
      return found !== undefined && found.member.catalog.isListed(caller, list, found.own)
    },
    isHeldBack(tool) {
      const found = memberNames.known('tools/list', tool)
      return found?.member.catalog.isHeldBack(found.own) === true
    },
    async mirrored(caller, tool) {
      const found = await memberNames.find('tools/list', tool, caller)
      return found ? found.member.catalog.mirrored(caller, found.own) : []
    },
    changed: () => merged.clear(),
  }
}

/** What is found, or undefined if that throws: the member has not started. */
function orNothing<T>(find: () => T | undefined): T | undefined {
  try {
    return find()
  } catch {
    return undefined
  }
}

function notStarted(member: string): Given<RawObject> {
  return { missing: { member, reason: 'It has not started yet.' } }
}

/** A promise even of what throws at once. */
async function later<T>(run: () => Promise<T>): Promise<T> {
  return run()
}
