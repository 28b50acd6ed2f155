/**
 * Methods of extensions: nothing in such a request names a member. If exactly one member announces extensions with
 * methods of their own, it gets the request. While a member is missing that has never said what it announces, the request
 * is refused: it may be meant for that member. [2026-07-28 extensions]
 */
import type { Clock } from '../base/clock.ts'
import { Refusal } from '../base/refusal.ts'
import type { Caller } from '../protocol/call.ts'
import { isObject, type RawObject } from '../protocol/json-text.ts'
import { tasksExtension } from '../protocol/revisions.ts'
import { capabilitiesIn } from '../protocol/server-description.ts'
import { type Given, isMissing, type Member, type Missing, ofMember } from './member.ts'

export const skillsExtension = 'io.modelcontextprotocol/skills'

/** Extensions whose methods are routed by what they name, or that have none. */
const routed = new Set([skillsExtension, tasksExtension, 'io.modelcontextprotocol/ui'])

export interface ExtensionNeeds {
  readonly memberWaitMs: number
  readonly clock: Clock
}

/** The members that announce an extension to such a client, and those of which it is not known. */
export interface Announcing {
  readonly having: readonly Member[]
  readonly missing: readonly Missing[]
}

/** Who announces an extension for which `isWanted` is true. Never rejects. */
export async function announcing(
  members: readonly Member[],
  caller: Caller,
  isWanted: (extension: string) => boolean,
  needs: ExtensionNeeds,
): Promise<Announcing> {
  const given = await Promise.all(members.map((member) => extensionsOf(member, caller, needs)))
  return {
    having: members.filter((_, at) => {
      const one = given[at]
      return one !== undefined && 'value' in one && one.value.some(isWanted)
    }),
    missing: given.flatMap((one) => (isMissing(one) ? [one.missing] : [])),
  }
}

/**
 * The member for a method that names none; undefined if it may be for several, or for none.
 * Throws `upstream_unavailable` if it may be for a member that is missing.
 */
export async function extensionMember(
  members: readonly Member[],
  caller: Caller,
  needs: ExtensionNeeds,
): Promise<Member | undefined> {
  const { having, missing } = await announcing(members, caller, (name) => !routed.has(name), needs)
  const [only, ...others] = having
  if (others.length > 0) return undefined
  if (missing.length > 0) throw mayBeFor(missing)
  return only
}

/** The refusal of a request that may be for a member which is missing. */
export function mayBeFor(missing: readonly Missing[]): Refusal {
  const [first] = missing
  const names = missing.map(({ member }) => member)
  const which =
    names.length === 1 ? `the server ${names[0]}, which is` : `one of the servers ${names.join(', ')}, which are`
  return new Refusal('upstream_unavailable', {
    message: `This request may be for ${which} missing at the moment: ${first?.reason ?? ''}`,
  })
}

/**
 * The extensions that a member announces to such a client. A server may announce them only to clients that know them, so
 * it is asked; if it does not answer, what it has announced before counts.
 */
async function extensionsOf(
  { name, catalog, starting }: Member,
  caller: Caller,
  { memberWaitMs, clock }: ExtensionNeeds,
): Promise<Given<readonly string[]>> {
  const asked: Given<RawObject> = starting
    ? { missing: { member: name, reason: 'It has not started yet.' } }
    : await ofMember(name, catalog.serverDescription(caller), memberWaitMs, clock)
  if (!isMissing(asked)) return { value: extensionsIn(asked.value) }
  try {
    return { value: extensionsIn(catalog.descriptionAtHand(caller)) }
  } catch {
    // It has never started.
    return asked
  }
}

function extensionsIn(serverDescription: RawObject): readonly string[] {
  const { extensions } = capabilitiesIn(serverDescription)
  return isObject(extensions) ? Object.keys(extensions) : []
}
