/**
 * Which scopes a request needs, by its methods: rules as lines of the settings, `SCOPE METHOD METHOD...`, where `*` stands for
 * any characters: `mcp:tools tools/*`. A request needs the scopes of all rules that name its method. Pure.
 */
import { matchesGlob } from '../base/glob.ts'

interface Rule {
  readonly scope: string
  readonly methods: readonly string[]
}

/** No method of MCP is nearly as long. */
const maxMethodChars = 256

/** [RFC 6749, 3.3] */
const scopeShape = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/
const methodShape = /^[A-Za-z0-9_/*$.-]{1,128}$/

export function isScope(text: string): boolean {
  return scopeShape.test(text)
}

/** Whether a text is a rule. */
export function isScopeRule(line: string): boolean {
  const [scope = '', ...methods] = line.trim().split(/\s+/)
  return isScope(scope) && methods.length > 0 && methods.every((one) => methodShape.test(one))
}

export class ScopeRules {
  /** All scopes that there are, in the order of the rules. */
  readonly scopes: readonly string[]
  readonly #rules: readonly Rule[]

  constructor(lines: readonly string[]) {
    this.#rules = lines.filter(isScopeRule).map((line) => {
      const [scope = '', ...methods] = line.trim().split(/\s+/)
      return { scope, methods }
    })
    this.scopes = [...new Set(this.#rules.map(({ scope }) => scope))]
  }

  /**
   * The scopes that a request needs, if any of them is not among those that were granted; undefined if it has all.
   * @param granted undefined if the credentials limit nothing
   * @param methods of all messages; an empty text for what has none, such as the stream of a session
   */
  lackedBy(granted: readonly string[] | undefined, methods: readonly string[]): readonly string[] | undefined {
    if (granted === undefined || this.#rules.length === 0) return undefined
    const needed = this.#rules.filter((rule) => methods.some((method) => isNamed(method, rule)))
    const scopes = [...new Set(needed.map(({ scope }) => scope))]
    return scopes.every((scope) => granted.includes(scope)) ? undefined : scopes
  }
}

/** A text that is too long for a method is named by every rule with `*`, so that it needs no time and no scope is left out. */
function isNamed(method: string, { methods }: Rule): boolean {
  return methods.some((pattern) =>
    method.length > maxMethodChars ? pattern.includes('*') : matchesGlob(pattern, method),
  )
}
