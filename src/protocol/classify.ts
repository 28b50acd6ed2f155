/** Decides the era of a message; no other file does. Pure: depends on the message and its version header alone. */
import { metaOf } from './call.ts'
import type { Message } from './jsonrpc.ts'
import { isStateless, metaKeys } from './revisions.ts'

/**
 * Whether a POSTed message is of the stateless era: by the version in its `_meta`, else by the version header, except for
 * `initialize`, which always opens a session. A message without any version is session-based. [2026-07-28 versioning,
 * servers that support several eras]
 */
export function isModernMessage(message: Message, versionHeader: string | undefined): boolean {
  if (message.kind !== 'response') {
    const meta = metaOf(message.params)
    if (meta !== undefined && Object.hasOwn(meta, metaKeys.version)) return true
    if (message.method === 'initialize') return false
  }
  return isStateless(versionHeader)
}
