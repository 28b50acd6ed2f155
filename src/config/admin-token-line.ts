/** A token of operators as text, with its rights behind it: `TOKEN read,act` or `TOKEN read+act`. Pure. */

/** A shorter token could be guessed. */
export const leastTokenChars = 16

/** What the holder of a token may do. */
export const rightNames: ReadonlySet<string> = new Set(['read', 'act', 'configure'])

/** A token with the names of its rights. */
export interface NamedToken {
  readonly token: string
  readonly rights: readonly string[]
}

/** What is wrong with a text that is no token, or has something else behind it. */
type AdminTokenFault = 'token' | 'rights'

/** Without rights behind it, a token has all. */
export function readTokenText(text: string): NamedToken | AdminTokenFault {
  const [token = '', rights, ...more] = text.trim().split(/\s+/)
  if (token.length < leastTokenChars || !/^[\u0021-\u007e]+$/.test(token)) return 'token'
  const names = rights === undefined ? [...rightNames] : rights.split(/[,+]/)
  return more.length > 0 || !names.every((name) => rightNames.has(name)) ? 'rights' : { token, rights: names }
}

/** The same where a fault is told by its place alone. */
export function readTokenLine(text: string): NamedToken | undefined {
  const read = readTokenText(text)
  return typeof read === 'string' ? undefined : read
}
