/** What is in a server's description of either era. The server's info (name and version) is for display only: no behaviour may depend on it. */
import { isObject, type JsonObject, type RawObject } from './json-text.ts'
import { metaKeys } from './revisions.ts'

export function serverInfoOf(serverDescription: RawObject): JsonObject | undefined {
  const plain = serverDescription.value['serverInfo']
  if (isObject(plain)) return plain
  const meta = serverDescription.value['_meta']
  const info = isObject(meta) ? meta[metaKeys.serverInfo] : undefined
  return isObject(info) ? info : undefined
}

/** The capabilities in a server's description, of either era. */
export function capabilitiesIn(serverDescription: RawObject): JsonObject {
  const capabilities = serverDescription.value['capabilities']
  return isObject(capabilities) ? capabilities : {}
}
