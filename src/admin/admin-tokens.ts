/** The tokens of the address for operators, each with its rights. */
import { createHash, timingSafeEqual } from 'node:crypto'
import { AdminError } from './admin-error.ts'
import type { Right } from './api.ts'

export interface AdminToken {
  readonly token: string
  readonly rights: ReadonlySet<Right>
}

/** Who asks: somebody at the socket has every right, and no token. */
export type Asker = 'socket' | AdminToken

/**
 * The token that a request carries. Compares hashes with all of them, in constant time whatever is given.
 * @throws AdminError 401
 */
export function findToken(authorization: string | undefined, tokens: readonly AdminToken[]): AdminToken {
  const given = hashOf(/^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? '')
  let found: AdminToken | undefined
  for (const one of tokens) if (timingSafeEqual(given, hashOf(one.token))) found = one
  if (found) return found
  throw new AdminError(401, 'unauthorized', 'The token is missing or wrong: send Authorization: Bearer with it.')
}

/** The token of a request lacks the right to what it asks. */
export class MissingRight extends AdminError {
  readonly right: Right

  constructor(right: Right, has: ReadonlySet<Right>) {
    const words = has.size === 0 ? 'no right' : `the right to ${[...has].join(' and ')}`
    super(403, 'missing_right', `This token has ${words}, and this needs ${right}.`)
    this.right = right
  }
}

/** @throws MissingRight */
export function checkRight(asker: Asker, right: Right): void {
  if (asker === 'socket' || asker.rights.has(right)) return
  throw new MissingRight(right, asker.rights)
}

function hashOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
