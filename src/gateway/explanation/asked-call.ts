/** A call that an operator asks about, as a client would make it. Pure. */
import type { RawObject } from '../../protocol/json-text.ts'

export interface AskedCall {
  readonly tenant: string
  /** Whose limits are asked for; undefined for any subject. */
  readonly subject: string | undefined
  readonly issuer: string | undefined
  /** What the credentials grant; undefined if they limit nothing. */
  readonly scopes: readonly string[] | undefined
  /** The name of the endpoint; empty for that of all upstreams. */
  readonly endpoint: string
  readonly method: string
  /** What it names, as clients see it at that endpoint. */
  readonly names: AskedNames
}

export type NamedKind = 'tool' | 'prompt' | 'resource'
export type AskedNames = Readonly<Partial<Record<NamedKind, string>>>

const methodOf: Readonly<Record<NamedKind, string>> = {
  tool: 'tools/call',
  prompt: 'prompts/get',
  resource: 'resources/read',
}

/** The method of a call that names something, if no other one is given. */
export function usualMethod(names: AskedNames): string | undefined {
  return kindOfName(names)?.[1]
}

/** What a call names, and how. */
export function kindOfName(names: AskedNames): readonly [kind: NamedKind, method: string, name: string] | undefined {
  for (const kind of ['tool', 'prompt', 'resource'] as const) {
    const name = names[kind]
    if (name !== undefined) return [kind, methodOf[kind], name]
  }
  return undefined
}

/** The request as a client would send it, with what it names alone. */
export function askedRequest({ method, names }: Pick<AskedCall, 'method' | 'names'>): {
  readonly method: string
  readonly params: RawObject | undefined
} {
  const [kind, , name = ''] = kindOfName(names) ?? []
  if (kind === undefined) return { method, params: undefined }
  const own = kind === 'resource' ? { uri: name } : { name }
  const value = method === 'completion/complete' ? { ref: { type: `ref/${kind}`, ...own } } : own
  return { method, params: { value, text: JSON.stringify(value) } }
}
