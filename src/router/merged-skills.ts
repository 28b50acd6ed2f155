/**
 * The skills of several members as one list. It is asked of the members with each request, as it is at a single server:
 * the catalogue does not keep it. A cursor of the merged list holds the cursors of the members. [SEP-2640]
 */
import { Cancel } from '../base/cancel.ts'
import type { Clock } from '../base/clock.ts'
import { Refusal } from '../base/refusal.ts'
import { type Call, forget, type Outcome, type Reply } from '../protocol/call.ts'
import { objectElements } from '../protocol/json-edit.ts'
import { editObject, emptyObject, type JsonValue, parseObject, type RawObject } from '../protocol/json-text.ts'
import { announcing, mayBeFor, skillsExtension } from './extension-methods.ts'
import { type Given, type Member, type Missing, ofMember } from './member.ts'
import type { Members } from './members.ts'
import { missingKey } from './merged-pages.ts'

export const skillsList = 'skills/list'

export interface SkillsNeeds {
  readonly members: Members
  readonly memberWaitMs: number
  readonly clock: Clock
}

/**
 * Throws `method_not_found` if no member has skills, `upstream_unavailable` if only one that is missing may have some,
 * `invalid_params` for a cursor that is none of ours.
 */
export async function listSkills(call: Call, needs: SkillsNeeds): Promise<Outcome> {
  const { members, memberWaitMs, clock } = needs
  const cursors = cursorsIn(call.params?.value['cursor'])
  const { having: asked, missing } = cursors
    ? { having: members.list.filter(({ name }) => Object.hasOwn(cursors, name)), missing: [] }
    : await announcing(members.list, call, (name) => name === skillsExtension, needs)
  if (asked.length === 0 && missing.length > 0) throw mayBeFor(missing)
  if (asked.length === 0) throw new Refusal(cursors ? 'invalid_params' : 'method_not_found')
  const cancel = new Cancel()
  const unbind = call.cancel.onCancel(() => cancel.cancel(call.cancel.reason ?? 'cancelled'))
  try {
    const given = await Promise.all(
      asked.map(({ name, upstream }) => {
        const params = editObject(call.params ?? emptyObject, { cursor: cursors?.[name] })
        const outcome = outcomeOf(upstream.call({ ...call, params, cancel, progressToken: undefined }))
        return ofMember(name, outcome, memberWaitMs, clock)
      }),
    )
    if (call.cancel.cancelled) throw new Refusal('cancelled')
    return noneOf(given) ?? merged(asked, given, missing, members)
  } finally {
    unbind()
    // Those that were too slow.
    cancel.cancel('the others do not wait any longer')
  }
}

/** What a single server would answer if no member has given a list: the error of the first. Throws its refusal. */
function noneOf(given: ReadonlyArray<Given<Outcome>>): Outcome | undefined {
  if (given.some((one) => 'value' in one && one.value.answer.kind === 'result')) return undefined
  const [first] = given
  if (first && 'value' in first) return first.value
  throw first?.error ?? new Refusal('upstream_timeout')
}

/** Reads a reply to its end. */
async function outcomeOf(reply: Reply): Promise<Outcome> {
  for (;;) {
    const step = await reply.next()
    if (step.done === true) return step.value
    // Nothing can be asked of the client for a part of a list.
    if (step.value.kind === 'notification') forget(step.value)
  }
}

function merged(
  asked: readonly Member[],
  given: ReadonlyArray<Given<Outcome>>,
  unknown: readonly Missing[],
  members: Members,
): Outcome {
  const entries: RawObject[] = []
  const next: Record<string, string> = {}
  const missing = [...unknown]
  const ttls: number[] = []
  let isPublic = true
  given.forEach((one, at) => {
    const name = asked[at]?.name ?? ''
    const answer = 'value' in one ? one.value.answer : undefined
    if (answer?.kind !== 'result') {
      missing.push('missing' in one ? one.missing : { member: name, reason: 'It answers with an error.' })
      return
    }
    const { value } = answer.result
    for (const entry of objectElements(answer.result, 'skills') ?? []) {
      const shown = entry && members.shownEntry(name, skillsList, entry)
      if (shown) entries.push(shown)
    }
    if (typeof value['nextCursor'] === 'string') next[name] = value['nextCursor']
    ttls.push(typeof value['ttlMs'] === 'number' ? value['ttlMs'] : 0)
    isPublic &&= value['cacheScope'] === 'public'
  })
  const rest: Record<string, JsonValue> = {
    ...(Object.keys(next).length > 0 && { nextCursor: cursorOf(next) }),
    ttlMs: missing.length > 0 ? 0 : Math.min(...ttls),
    cacheScope: isPublic && missing.length === 0 ? 'public' : 'private',
    ...(missing.length > 0 && {
      _meta: { [missingKey]: missing.map(({ member, reason }) => ({ upstream: member, reason })) },
    }),
  }
  const text = `{"skills":[${entries.map((entry) => entry.text).join(',')}],${JSON.stringify(rest).slice(1)}`
  const result = { value: { skills: entries.map(({ value }) => value), ...rest }, text }
  return { answer: { kind: 'result', result }, era: 'legacy', worker: undefined }
}

function cursorOf(cursors: Readonly<Record<string, string>>): string {
  return Buffer.from(JSON.stringify(cursors)).toString('base64url')
}

/** The cursors of the members by name; undefined if there is none yet. */
function cursorsIn(cursor: JsonValue | undefined): Readonly<Record<string, string>> | undefined {
  if (cursor === undefined) return undefined
  const parsed = typeof cursor === 'string' ? parseObject(Buffer.from(cursor, 'base64url').toString()) : undefined
  const cursors = parsed?.value
  if (!cursors || !Object.values(cursors).every((one) => typeof one === 'string'))
    throw new Refusal('invalid_params', { message: 'This cursor is not valid.' })
  return cursors as Readonly<Record<string, string>>
}
