/** The lists of a server as a client gets them that declares nothing: learnt at the start, so that clients need not wait. */
import type { LearntCatalog } from '../catalog/catalog.ts'
import { capabilitiesIn } from '../protocol/server-description.ts'
import type { EraName, Caller } from '../protocol/call.ts'
import { isObject } from '../protocol/json-text.ts'
import { capabilityOf } from '../protocol/methods.ts'
import type { ServerEraInfo } from '../upstreams/upstream.ts'

/** A caller that declares nothing and has no session. */
export function commonCaller(era: EraName): Caller {
  return {
    principal: { tenant: '', subject: '' },
    client: { era, version: '', capabilities: {}, info: undefined },
    session: undefined,
  }
}

/** Whether the server announces the lists of a kind: `tools`, `prompts` or `resources`. */
export function hasLists({ serverDescription }: ServerEraInfo, kind: string): boolean {
  return isObject(capabilitiesIn(serverDescription)[kind])
}

/** Has the catalogue learn the lists of a server that has started, as far as workers are free. Never rejects. */
export async function learnCommonLists(serverEras: readonly ServerEraInfo[], catalog: LearntCatalog): Promise<void> {
  for (const serverEra of serverEras) {
    for (const [method, kind] of Object.entries(capabilityOf))
      if (hasLists(serverEra, kind)) await catalog.learn(commonCaller(serverEra.era), method)
  }
}
