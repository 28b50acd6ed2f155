/** Who the server says it is, wherever its era puts that. For display only: nothing may depend on it. */
import { isObject, type JsonObject, type RawObject } from './json-text.ts'
import { metaKeys } from './revisions.ts'

export function serverInfoOf(serverDescription: RawObject): JsonObject | undefined {
  const plain = serverDescription.value['serverInfo']
  if (isObject(plain)) return plain
  const meta = serverDescription.value['_meta']
  const info = isObject(meta) ? meta[metaKeys.serverInfo] : undefined
  return isObject(info) ? info : undefined
}
