// API keys, and the settings that make them known, by the built code.

import { newApiKey } from '../../dist/identity/api-key.js'
import { writeKeyLine } from '../../dist/identity/key-record.js'

/** A key of a tenant, and its line of `auth.keys`. */
export function keyOf(tenant, subject) {
  const { id, hash, text } = newApiKey()
  return { key: text, line: writeKeyLine({ id, hash, tenant, subject }) }
}
