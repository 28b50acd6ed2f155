/**
 * Which scopes a request needs: rules as lines of the settings, `SCOPE WORD WORD...`. A word is a method, `tool:NAME` for calls
 * of a tool, or `upstream:NAME` for what a server is asked to do; `*` stands for any characters: `mcp:write tool:github__create_*`.
 * A request needs the scopes of all rules that name it. Pure.
 */
import { matchesGlob } from '../base/glob.ts'

/** What a request asks for, as far as rules are concerned. */
export interface ScopedRequest {
  /** Empty for what has no method, such as the stream of a session. */
  readonly method: string
  /** What it is for; found only if there are rules about that. Undefined for what is for no server. */
  readonly target?: () => AskedTarget
}

export interface AskedTarget {
  /** The servers that it may be for. */
  readonly upstreams: readonly string[]
  /** The tool that it calls, by all its names; `any` if it is not known yet which one it is. */
  readonly tools: readonly string[] | 'any'
}

interface Rule {
  readonly scope: string
  readonly methods: readonly string[]
  readonly tools: readonly string[]
  readonly upstreams: readonly string[]
}

/** No method of MCP is nearly as long. */
const maxMethodChars = 256
/** Nor is a name of a tool. */
const maxToolChars = 1024

/** [RFC 6749, 3.3] */
const scopeShape = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/
const wordShape = /^(?:[A-Za-z0-9_/*$.-]{1,128}|tool:[A-Za-z0-9_/*.-]{1,128}|upstream:[A-Za-z0-9_*-]{1,64})$/

export function isScope(text: string): boolean {
  return scopeShape.test(text)
}

/** Whether a text is a rule. */
export function isScopeRule(line: string): boolean {
  const [scope = '', ...words] = line.trim().split(/\s+/)
  return isScope(scope) && words.length > 0 && words.every((one) => wordShape.test(one))
}

/** The patterns of tools or upstreams in a line; none if it is no rule. */
export function patternsInRule(line: string, kind: 'tool' | 'upstream'): readonly string[] {
  return isScopeRule(line) ? ofKind(line.trim().split(/\s+/).slice(1), kind) : []
}

export class ScopeRules {
  /** All scopes that there are, in the order of the rules. */
  readonly scopes: readonly string[]
  readonly #rules: readonly Rule[]

  constructor(lines: readonly string[]) {
    this.#rules = lines.filter(isScopeRule).map((line) => {
      const [scope = '', ...words] = line.trim().split(/\s+/)
      return {
        scope,
        methods: words.filter((word) => !word.includes(':')),
        tools: ofKind(words, 'tool'),
        upstreams: ofKind(words, 'upstream'),
      }
    })
    this.scopes = [...new Set(this.#rules.map(({ scope }) => scope))]
  }

  /**
   * The scopes that a request needs, if any of them is not among those that were granted; undefined if it has all.
   * @param granted undefined if the credentials limit nothing
   * @param asked by all messages of the request
   */
  lackedBy(granted: readonly string[] | undefined, asked: readonly ScopedRequest[]): readonly string[] | undefined {
    if (granted === undefined || this.#rules.length === 0) return undefined
    const needed = new Set(asked.flatMap((one) => this.#neededBy(one)))
    const scopes = this.scopes.filter((scope) => needed.has(scope))
    return scopes.every((scope) => granted.includes(scope)) ? undefined : scopes
  }

  #neededBy({ method, target }: ScopedRequest): string[] {
    let found: AskedTarget | undefined
    const isFor = (rule: Rule): boolean => {
      if (isNamed(method, rule.methods, maxMethodChars)) return true
      if (!target || rule.tools.length + rule.upstreams.length === 0) return false
      found ??= target()
      const { tools, upstreams } = found
      if (upstreams.some((one) => isNamed(one, rule.upstreams, maxToolChars))) return true
      if (tools === 'any') return rule.tools.length > 0
      return tools.some((one) => isNamed(one, rule.tools, maxToolChars))
    }
    return this.#rules.filter(isFor).map(({ scope }) => scope)
  }
}

function ofKind(words: readonly string[], kind: 'tool' | 'upstream'): string[] {
  return words.flatMap((word) => (word.startsWith(`${kind}:`) ? [word.slice(kind.length + 1)] : []))
}

/** A text that is too long is named by every pattern with `*`, so that it needs no time and no scope is left out. */
function isNamed(text: string, patterns: readonly string[], maxChars: number): boolean {
  return patterns.some((pattern) => (text.length > maxChars ? pattern.includes('*') : matchesGlob(pattern, text)))
}
