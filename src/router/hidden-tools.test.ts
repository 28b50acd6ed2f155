/** Tests that a tool which a view hides under one of its names is neither listed nor called under any. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { systemClock } from '../base/clock.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { createEncodedTexts, type Page } from '../catalog/pages.ts'
import type { Caller } from '../protocol/call.ts'
import { rawObject } from '../protocol/json-text.ts'
import type { Upstream } from '../upstreams/upstream.ts'
import { createMemberNames, type MemberNames } from './member-names.ts'
import { Members } from './members.ts'
import { namesProblems, prefixedNames } from './names.ts'

const caller: Caller = {
  principal: { tenant: 't', subject: 's' },
  client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: { name: 'test', version: '1' } },
  session: 's',
}

/** What no test of this file asks for. */
const unasked = (): never => {
  throw new Error('nothing else is asked for here')
}
const noUpstream: Upstream = {
  start: unasked,
  call: unasked,
  subscribe: unasked,
  notify: unasked,
  endSession: unasked,
  endTenant: unasked,
  health: unasked,
  counts: unasked,
  recycle: unasked,
  workers: unasked,
  close: unasked,
}
const noCatalog: Catalog = {
  serverDescription: unasked,
  descriptionAtHand: unasked,
  isList: unasked,
  page: unasked,
  known: unasked,
  mirrorsHeaders: false,
  hasTaskOnly: false,
  isTaskOnly: unasked,
  mirrored: unasked,
  isListed: unasked,
  isHeldBack: unasked,
}

/** Members that all list the same tools. */
function membersOf(
  names: readonly string[],
  owns: readonly string[],
  aliases: Readonly<Record<string, string>>,
  tools: readonly string[],
): { readonly members: Members; readonly memberNames: MemberNames } {
  const result = rawObject({ tools: owns.map((name) => ({ name })) })
  const page: Page = { result, era: 'legacy', isForAll: false, encoded: createEncodedTexts(() => true) }
  const catalog: Catalog = { ...noCatalog, page: () => Promise.resolve({ page, ttlMs: 0 }) }
  const members = new Members({
    members: names.map((name) => ({ name, upstream: noUpstream, catalog })),
    naming: { hasPrefix: names.length > 1, aliases },
    view: { tools },
  })
  const appRequests = { findTool: (own: string) => Promise.resolve(owns.includes(own) ? members.list[0] : undefined) }
  return { members, memberNames: createMemberNames({ members, appRequests, memberWaitMs: 1000, clock: systemClock }) }
}

/** Names that patterns can be written for. */
const own = fc.oneof(fc.stringMatching(/^[a-z_]{1,12}$/), fc.stringMatching(/^[a-z_]{50,110}$/))
const member = fc.oneof(fc.stringMatching(/^[a-z]{1,8}$/), fc.stringMatching(/^[a-z]{33,64}$/))

const given = fc
  .record({
    names: fc.uniqueArray(member, { minLength: 1, maxLength: 3 }),
    owns: fc.uniqueArray(own, { minLength: 1, maxLength: 4 }),
    aliased: fc.array(fc.tuple(fc.stringMatching(/^[a-z.]{1,10}$/), fc.nat(), fc.nat(), fc.nat()), { maxLength: 3 }),
    hidden: fc.tuple(fc.nat(), fc.nat(), fc.nat()),
    cut: fc.option(fc.tuple(fc.nat(), fc.nat())),
  })
  .map(({ names, owns, aliased, hidden, cut }) => {
    const pick = <T>(list: readonly T[], at: number): T => list[at % list.length] as T
    const before = prefixedNames(names)
    const aliases = Object.fromEntries(
      aliased.map(([alias, a, b, c]) => {
        const of = pick(names, a)
        return [alias, pick(before.all(of, pick(owns, b)), c)]
      }),
    )
    const [tool, of] = [pick(owns, hidden[0]), pick(names, hidden[1])]
    const known = [tool, ...prefixedNames(names, aliases).all(of, tool)]
    const name = pick(known, hidden[2])
    const [from = 0, to = 0] = cut ? [cut[0] % name.length, cut[1] % name.length].toSorted((a, b) => a - b) : []
    const pattern = cut ? `!${name.slice(0, from)}*${name.slice(to)}` : `!${name}`
    return { names, owns, aliases, tool, of, known, pattern }
  })
  .filter(({ names, aliases }) => namesProblems(names, aliases).length === 0)

test('a tool that is hidden under one of its names is neither listed nor called under any', async () => {
  await fc.assert(
    fc.asyncProperty(given, async ({ names, owns, aliases, tool, of, known, pattern }) => {
      // However many upstreams there are: alone, it is the same tool.
      for (const upstreams of [names, [of]]) {
        const { members, memberNames } = membersOf(upstreams, owns, aliasesOf(aliases, upstreams), [pattern])
        expect(members.shownEntry(of, 'tools/list', rawObject({ name: tool }))).toBeUndefined()
        for (const name of known) {
          const found = await memberNames.find('tools/list', name, caller)
          expect(found && [found.member.name, found.own]).not.toEqual([of, tool])
        }
      }
    }),
  )
})

test('a tool that nothing hides is found under each of its names', async () => {
  await fc.assert(
    fc.asyncProperty(given, async ({ names, owns, aliases, tool, of }) => {
      fc.pre(names.length > 1)
      const { members, memberNames } = membersOf(names, owns, aliases, [])
      // The part that is cut from the name of a long upstream is no name of its tools for clients.
      for (const name of members.naming.names.all(of, tool).filter((one) => members.naming.names.find(one))) {
        const found = await memberNames.find('tools/list', name, caller)
        expect(found && [found.member.name, found.own]).toEqual([of, tool])
      }
    }),
  )
})

/** The aliases that stand for names of these upstreams: others are refused when the settings are read. */
function aliasesOf(
  aliases: Readonly<Record<string, string>>,
  upstreams: readonly string[],
): Readonly<Record<string, string>> {
  const names = prefixedNames(upstreams)
  return Object.fromEntries(Object.entries(aliases).filter(([, name]) => names.find(name)))
}
