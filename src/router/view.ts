/**
 * A view: which tools of its members an endpoint shows and lets clients call. Pure. `tools` is a list of patterns over
 * all names of a tool, in which `*` stands for any characters: a tool is seen if a pattern matches one of them and no
 * pattern with `!` does. If all patterns begin with `!`, every other tool is seen.
 */
import { matchesGlob } from '../base/glob.ts'
import { type Names, prefixOf } from './names.ts'
import { decide, partsOf, type PatternDecision, saysNothing } from './pattern-decision.ts'

export interface ViewSettings {
  readonly tools?: readonly string[] | undefined
}

export interface View {
  /** Whether a tool of a member is seen, by the name that the member gives it. */
  seesTool(member: string, own: string): boolean
  seesPrompt(member: string, own: string): boolean
  /** Whether a resource is seen, by its own URI. */
  seesResource(member: string, own: string): boolean
  /** Whether a template of URIs is seen, by its text. */
  seesTemplate(member: string, own: string): boolean
}

/** Of prompts and resources, an endpoint shows all that its members have. */
const whole: View = { seesTool: () => true, seesPrompt: () => true, seesResource: () => true, seesTemplate: () => true }

export function createView({ tools }: ViewSettings, names: Names): View {
  if (!tools || tools.length === 0) return whole
  const decideTool = toolDecisions({ tools }, names)
  return { ...whole, seesTool: (member, own) => decideTool(member, own).isAllowed }
}

/** What the patterns of an endpoint say of a tool of a member, by the name that the member gives it. */
export function toolDecisions({ tools }: ViewSettings, names: Names): (member: string, own: string) => PatternDecision {
  if (!tools || tools.length === 0) return () => saysNothing
  const parts = partsOf(tools)
  // Under each of its names: a pattern must not fail because the name is too long, or has an alias. Its own name hides it,
  // too: Apps call it by that, and so does every client where its upstream is the only one.
  return (member, own) => decide(parts, names.all(member, own), [own])
}

/**
 * The members of which a view may show a tool, in their order. The endpoint has no others, and so it has nothing else of
 * them either, neither resources nor prompts.
 */
export function membersInView(
  { tools }: ViewSettings,
  members: readonly string[],
  aliases: Readonly<Record<string, string>> = {},
): readonly string[] {
  const { included, excluded } = partsOf(tools ?? [])
  return members.filter((member) => {
    const beginnings = [prefixOf(member), `${member}__`]
    const isHidden = excluded.some(
      (pattern) => pattern.endsWith('*') && beginnings.some((beginning) => matchesGlob(pattern, beginning)),
    )
    if (isHidden || included.length === 0) return !isHidden
    return included.some((pattern) => {
      const meant = Object.hasOwn(aliases, pattern) ? (aliases[pattern] ?? pattern) : pattern
      // Of the only member, patterns may be for its own names; but one that names an upstream may be for one that is gone.
      const isMeant =
        beginnings.some((beginning) => mayMatch(meant, beginning)) || (members.length === 1 && !namesUpstream(meant))
      return isMeant && !isCovered([pattern, ...namesOf(meant, beginnings, aliases)], excluded)
    })
  })
}

/** The other names under which a pattern with `!` takes away what a pattern stands for. */
function namesOf(
  meant: string,
  beginnings: readonly string[],
  aliases: Readonly<Record<string, string>>,
): readonly string[] {
  const own = beginnings.flatMap((beginning) => (meant.startsWith(beginning) ? [meant.slice(beginning.length)] : []))
  return [meant, ...own, ...Object.keys(aliases).filter((alias) => aliases[alias] === meant)]
}

/**
 * Whether a pattern takes away all that one of these stands for. A `*` in what is taken away is a character like others
 * here: only a `*` can match it.
 */
function isCovered(patterns: readonly string[], excluded: readonly string[]): boolean {
  return excluded.some((one) => patterns.some((pattern) => matchesGlob(one, pattern)))
}

/**
 * The patterns that name an upstream which is none of the members: those with `__`, and where there are several members
 * all that are to match, because no name lacks a prefix there.
 */
export function strayPatterns(
  { tools }: ViewSettings,
  members: readonly string[],
  aliases: Readonly<Record<string, string>> = {},
): readonly string[] {
  return (tools ?? []).filter((written) => {
    const isExcluded = written.startsWith('!')
    const pattern = isExcluded ? written.slice(1) : written
    if (!namesUpstream(pattern) && (isExcluded || members.length === 1)) return false
    return (
      membersInView({ tools: [pattern] }, members, aliases).length === 0 &&
      !Object.keys(aliases).some((alias) => matchesGlob(pattern, alias))
    )
  })
}

/** Whether a pattern is for the tools of an upstream that it names. */
function namesUpstream(pattern: string): boolean {
  return (pattern.split('*')[0] ?? '').includes('__')
}

/** Whether a pattern may match a name with this beginning. */
function mayMatch(pattern: string, beginning: string): boolean {
  const star = pattern.indexOf('*')
  const fixed = star < 0 ? pattern : pattern.slice(0, star)
  return fixed.length >= beginning.length ? fixed.startsWith(beginning) : star >= 0 && beginning.startsWith(fixed)
}
