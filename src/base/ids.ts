/** Random names. Unguessable ones come from the system's generator; short ones only tell things apart. */
import { randomBytes } from 'node:crypto'

/** 256 random bits as 43 characters of base64url: session ids. Visible ASCII, as the transport demands. */
export function unguessableId(): string {
  return randomBytes(32).toString('base64url')
}

/** 48 random bits as 8 characters: epochs, instances, opaque error ids. Not a secret. */
export function shortId(): string {
  return randomBytes(6).toString('base64url')
}
