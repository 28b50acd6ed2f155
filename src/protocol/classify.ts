/** The one place that decides the era of a message. Pure: the message, and the version header it came with. */
import { metaOf, type EraName } from './call.ts'
import type { Message } from './jsonrpc.ts'
import { metaKeys, modernVersions } from './revisions.ts'

/**
 * The era of a POSTed message: by the version in its `_meta`, else by the version header, else by being what only
 * sessions have. A message that names neither belongs to the era in which requests are not self-contained.
 * [2026-07-28 versioning, servers that support several eras]
 */
export function classify(message: Message, versionHeader: string | undefined): EraName {
  if (message.kind !== 'response') {
    const meta = metaOf(message.params)
    if (meta !== undefined && Object.hasOwn(meta, metaKeys.version)) return 'modern'
    if (message.method === 'initialize') return 'legacy'
  }
  return versionHeader !== undefined && modernVersions.includes(versionHeader) ? 'modern' : 'legacy'
}
