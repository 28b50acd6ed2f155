/** The lists of a server as a client gets them that declares nothing: learnt at the start, so that clients need not wait. */
import { type Catalog, capabilitiesIn, type ListedPage } from '../catalog/catalog.ts'
import type { Caller } from '../protocol/call.ts'
import { isObject } from '../protocol/json-text.ts'
import type { ServerEraInfo } from '../upstreams/upstream.ts'

/** The first page of a list; undefined if the server has no such list, or does not give it. Never rejects. */
export async function commonList(
  { era, serverDescription }: ServerEraInfo,
  catalog: Catalog,
  method: string,
): Promise<ListedPage | undefined> {
  const kind = method.slice(0, method.indexOf('/'))
  if (!isObject(capabilitiesIn(serverDescription)[kind])) return undefined
  const caller: Caller = {
    principal: { tenant: '', subject: '' },
    client: { era, version: '', capabilities: {}, info: undefined },
    session: undefined,
  }
  try {
    const page = await catalog.page(caller, method, undefined)
    return 'error' in page ? undefined : page
  } catch {
    return undefined
  }
}

/** Has the catalogue learn the lists of a server that has started. Resolves when they are there; never rejects. */
export async function learnCommonLists(serverEras: readonly ServerEraInfo[], catalog: Catalog): Promise<void> {
  for (const serverEra of serverEras) {
    for (const method of ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'])
      await commonList(serverEra, catalog, method)
  }
}
