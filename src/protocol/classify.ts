/** The one place that decides the era of a message. Pure: the message, and the version header it came with. */
import { metaOf } from './call.ts'
import type { Message } from './jsonrpc.ts'
import { isStateless, metaKeys } from './revisions.ts'

/**
 * Whether a POSTed message is one of the stateless era: by the version in its `_meta`, else by the version header,
 * unless it is what only sessions have. A message that names neither belongs to the era in which requests are not
 * self-contained. [2026-07-28 versioning, servers that support several eras]
 */
export function isModernMessage(message: Message, versionHeader: string | undefined): boolean {
  if (message.kind !== 'response') {
    const meta = metaOf(message.params)
    if (meta !== undefined && Object.hasOwn(meta, metaKeys.version)) return true
    if (message.method === 'initialize') return false
  }
  return isStateless(versionHeader)
}
