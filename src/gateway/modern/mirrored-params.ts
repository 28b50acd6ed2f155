/** Arguments of tools that a client repeats in headers. [2026-07-28 transports, custom headers] */
import { Refusal } from '../../base/refusal.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { Caller } from '../../protocol/call.ts'
import { headerMatches } from '../../protocol/headers.ts'
import { header, type Inbound } from '../../protocol/inbound.ts'
import type { RequestMessage } from '../../protocol/jsonrpc.ts'

/** Throws `header_mismatch` if the headers of a `tools/call` do not match its arguments. */
export async function checkMirroredParams(
  caller: Caller,
  { params }: RequestMessage,
  inbound: Inbound,
  catalog: Pick<Catalog, 'mirrored'>,
): Promise<void> {
  const tool = params?.value['name']
  if (typeof tool !== 'string') return
  for (const param of await catalog.mirrored(caller, tool)) {
    if (!headerMatches(param, params?.value['arguments'], header(inbound, param.header))) {
      throw new Refusal('header_mismatch', { message: 'A Mcp-Param header does not match the arguments.' })
    }
  }
}
