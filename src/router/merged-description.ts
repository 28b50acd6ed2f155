/**
 * The description of several servers as one: the union of what they offer, and their instructions under their names.
 * Pure.
 * [2025-11-25 lifecycle; 2026-07-28 discovery]
 */
import { version } from '../base/version.ts'
import { offeredToRequest, offeredToSession } from '../protocol/capabilities.ts'
import type { ClientDescription } from '../protocol/call.ts'
import { isObject, type JsonObject, type JsonValue, type RawObject, rawObject } from '../protocol/json-text.ts'
import { metaKeys, newestLegacy } from '../protocol/revisions.ts'
import type { Missing } from './member.ts'
import { missingKey } from './merged-pages.ts'
import { prefixOf } from './names.ts'

/** The most characters of one server's instructions: clients put all of them into the context of a model. */
const maxInstructionChars = 16 * 1024

export interface MemberDescription {
  readonly member: string
  readonly serverDescription: RawObject
}

/**
 * @param name of the merged server, for clients
 * @param hasPrefix whether names of tools begin with the name of their server
 */
export function mergeDescriptions(
  given: readonly MemberDescription[],
  missing: readonly Missing[],
  client: ClientDescription,
  { name, hasPrefix }: { readonly name: string; readonly hasPrefix: boolean },
): RawObject {
  const isLegacy = ({ serverDescription }: MemberDescription): boolean =>
    serverDescription.value['protocolVersion'] !== undefined
  // In the form of the client's own era if any server speaks it: the other form would leave out what only this one has.
  const isInLegacyForm = client.era === 'legacy' ? given.length === 0 || given.some(isLegacy) : given.every(isLegacy)
  const capabilities = unionOf(
    given.map((one) => {
      const offered = one.serverDescription.value['capabilities']
      if (!isObject(offered)) return {}
      if (isInLegacyForm === isLegacy(one)) return offered
      return isInLegacyForm ? offeredToSession(offered, client) : offeredToRequest(offered)
    }),
  )
  const instructions = mergedInstructions(given, missing, hasPrefix)
  const serverInfo = { name, version }
  const notes: Record<string, JsonValue> =
    missing.length === 0 ? {} : { [missingKey]: missing.map(({ member, reason }) => ({ upstream: member, reason })) }
  if (isInLegacyForm) {
    return rawObject({
      protocolVersion: newestLegacy,
      capabilities,
      serverInfo,
      ...(instructions !== '' && { instructions }),
      ...(missing.length > 0 && { _meta: notes }),
    })
  }
  const ttls = given.map(({ serverDescription }) => serverDescription.value['ttlMs'])
  const isPublic = given.every(({ serverDescription }) => serverDescription.value['cacheScope'] === 'public')
  return rawObject({
    capabilities,
    ...(instructions !== '' && { instructions }),
    ttlMs: missing.length > 0 ? 0 : Math.min(...ttls.map((ttlMs) => (typeof ttlMs === 'number' ? ttlMs : 0))),
    cacheScope: isPublic && missing.length === 0 ? 'public' : 'private',
    _meta: { ...notes, [metaKeys.serverInfo]: serverInfo },
  })
}

/**
 * Everything that any server offers. Changes of lists are announced for all, because the members themselves may change.
 */
function unionOf(all: readonly JsonObject[]): JsonObject {
  const union: Record<string, JsonValue> = {}
  for (const capabilities of all) {
    for (const [kind, offered] of Object.entries(capabilities)) {
      const before = union[kind]
      union[kind] = isObject(before) && isObject(offered) ? merged(before, offered) : (before ?? offered ?? {})
    }
  }
  for (const kind of ['tools', 'prompts', 'resources']) {
    const offered = union[kind]
    if (isObject(offered)) union[kind] = { ...offered, listChanged: true }
  }
  // Which member a list of tasks is of cannot be asked.
  if (isObject(union['tasks'])) {
    const { list: _, ...rest } = union['tasks']
    union['tasks'] = rest
  }
  return union
}

/** The members of both; what is true or an object in either stays so, and the first wins otherwise. */
function merged(one: JsonObject, other: JsonObject): JsonObject {
  const both: Record<string, JsonValue | undefined> = { ...one }
  for (const [key, value] of Object.entries(other)) {
    const before = both[key]
    if (isObject(before) && isObject(value)) both[key] = merged(before, value)
    else if (before === undefined || (before === false && value === true)) both[key] = value
  }
  return both
}

function mergedInstructions(
  given: readonly MemberDescription[],
  missing: readonly Missing[],
  hasPrefix: boolean,
): string {
  const texts: string[] = []
  for (const { member, serverDescription } of given) {
    const { instructions } = serverDescription.value
    if (typeof instructions !== 'string' || instructions.trim() === '') continue
    const whole = instructions.length <= maxInstructionChars
    const shown = whole ? instructions : `${instructions.slice(0, maxInstructionChars)} [cut]`
    texts.push(hasPrefix ? `# ${member} (its tools begin with ${prefixOf(member)})\n\n${shown}` : shown)
  }
  for (const { member, reason } of missing) {
    texts.push(
      `# ${member}\n\nThis server is missing at the moment: ${reason} Its tools will be announced when it is back.`,
    )
  }
  return texts.join('\n\n')
}
