/**
 * The names of tools and prompts of several members, and back: `github__create_issue` is `create_issue` of the member
 * `github`. Pure. A name has at most 64 characters, which is what the strictest hosts accept; a longer one has a short
 * form that ends in a hash, so that it is the same on every instance and after every restart.
 */
import { contentId } from '../base/ids.ts'

/** Some hosts refuse longer names of tools. */
export const maxNameChars = 64
/** The part of a prefix that names the member, in characters: the rest is left for the tool. */
const maxMemberChars = 32
const separator = '__'
const hashChars = 8
const shortForm = /_[A-Za-z0-9_-]{8}$/

/** What a name of a client means. */
export interface OwnName {
  readonly member: string
  /** The name as the member has it, or the short form of it. */
  readonly own: string
  /** Whether it may be a short form: the name is then found among those that the member lists. */
  readonly mayBeShort: boolean
}

/** The names under which clients see what the members list. */
export interface Names {
  /** The name for clients. */
  shown(member: string, own: string): string
  /**
   * All names that may stand for it in patterns of a view: the one for clients, the short form, the name in full however
   * long it is, and every alias; of a single upstream those that it has among others, too.
   */
  all(member: string, own: string): readonly string[]
  /** What a name of a client means; undefined if it is of no member. */
  find(shown: string): OwnName | undefined
}

/**
 * The names of a single member: its own. Patterns know it by the others, too, so that a view hides the same tools
 * however many upstreams there are.
 */
export function plainNames(member: string, aliases: Readonly<Record<string, string>> = {}): Names {
  const prefixed = prefixedNames([member], aliases)
  return {
    shown: (_, own) => own,
    all: (_, own) => [own, ...prefixed.all(member, own)],
    find: (shown) => ({ member, own: shown, mayBeShort: false }),
  }
}

/**
 * Names with the member as prefix.
 * @param members whose prefixes must differ as `namesProblems` checks
 * @param aliases names for clients that replace the names with prefix: `{ search: 'brave__web_search' }`
 */
export function prefixedNames(members: readonly string[], aliases: Readonly<Record<string, string>> = {}): Names {
  const prefixes = new Map(members.map((member) => [prefixOf(member), member]))
  const prefixOfMember = new Map(members.map((member) => [member, prefixOf(member)]))
  const lengths = [...new Set([...prefixes.keys()].map((prefix) => prefix.length))]
  const targetOf = new Map(Object.entries(aliases))
  const aliasesOf = new Map<string, string[]>()
  for (const [alias, name] of targetOf) aliasesOf.set(name, [...(aliasesOf.get(name) ?? []), alias])
  const wholeName = (member: string, own: string): string => `${prefixOfMember.get(member) ?? prefixOf(member)}${own}`
  const named = (member: string, own: string): string => {
    const whole = wholeName(member, own)
    return whole.length <= maxNameChars ? whole : `${head(whole, maxNameChars - 1 - hashChars)}_${hash(own)}`
  }
  const generated = (member: string, own: string): readonly string[] => [
    named(member, own),
    wholeName(member, own),
    `${member}${separator}${own}`,
  ]
  const aliasesIn = (names: readonly string[]): readonly string[] => names.flatMap((name) => aliasesOf.get(name) ?? [])
  const findName = (shown: string): OwnName | undefined => {
    const name = targetOf.get(shown) ?? shown
    for (const length of lengths) {
      const member = prefixes.get(name.slice(0, length))
      if (member === undefined) continue
      const mayBeShort =
        name.length >= maxNameChars - 1 && name.length <= maxNameChars && shortForm.test(name.slice(length))
      return { member, own: name.slice(length), mayBeShort }
    }
    return undefined
  }
  let last: { readonly shown: string; readonly found: OwnName | undefined } | undefined
  return {
    shown: (member, own) =>
      (aliasesOf.size === 0 ? undefined : aliasesIn(generated(member, own))[0]) ?? named(member, own),
    all(member, own) {
      const names = generated(member, own)
      return [...new Set([...names, ...aliasesIn(names)])]
    },
    find(shown) {
      // A call asks three times: for its history, whether its tool is held back, and where it goes.
      if (last?.shown === shown) return last.found
      const found = findName(shown)
      if (shown.length <= maxNameChars) last = { shown, found }
      return found
    },
  }
}

/** The prefix of a member's names, at most 34 characters. */
export function prefixOf(member: string): string {
  if (member.length <= maxMemberChars) return `${member}${separator}`
  return `${member.slice(0, maxMemberChars - 1 - hashChars)}_${hash(member)}${separator}`
}

/** What is wrong with the name of an upstream, or with an alias. */
export interface NamesProblem {
  /** The one that is to be changed. */
  readonly of: { readonly upstream: string } | { readonly alias: string }
  /** In words for the operator. */
  readonly message: string
}

/** What is wrong with the names of upstreams and the aliases; empty if nothing is. */
export function namesProblems(
  members: readonly string[],
  aliases: Readonly<Record<string, string>> = {},
): readonly NamesProblem[] {
  const problems: NamesProblem[] = []
  for (const one of members) {
    for (const other of members) {
      if (one === other || !prefixOf(other).startsWith(prefixOf(one))) continue
      const example = `${prefixOf(other)}x`
      const message = `the upstreams "${one}" and "${other}" collide: a tool "${example}" could be of either`
      problems.push({ of: { upstream: other }, message })
    }
  }
  const names = prefixedNames(members)
  const aliased = new Map<string, string>()
  for (const [alias, name] of Object.entries(aliases)) {
    const before = aliased.get(name)
    aliased.set(name, alias)
    const add = (message: string): void => void problems.push({ of: { alias }, message })
    if (alias === '__proto__') add('the alias "__proto__" cannot be a name')
    else if (!/^[A-Za-z0-9_.-]{1,64}$/.test(alias)) {
      add(`the alias "${alias}" must have 1 to 64 of the characters A-Z a-z 0-9 _ . -`)
    } else if (names.find(alias)) {
      add(`the alias "${alias}" collides with the names of the upstream "${names.find(alias)?.member}"`)
    }
    if (!names.find(name)) add(`the alias "${alias}" stands for "${name}", which is of no upstream`)
    if (before !== undefined) add(`the aliases "${before}" and "${alias}" stand for the same name "${name}"`)
  }
  return problems
}

/** The beginning of a text, cut between characters. */
function head(text: string, chars: number): string {
  const last = text.charCodeAt(chars - 1)
  const isHalf = last >= 0xd800 && last < 0xdc00
  return text.slice(0, isHalf ? chars - 1 : chars)
}

function hash(text: string): string {
  return contentId([text]).slice(0, hashChars)
}
