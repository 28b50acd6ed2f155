/** What of the arguments of tools is mirrored into headers, as far as the client has been told of the tools. */
import { type HeaderParam, headerParams } from '../protocol/headers.ts'
import { isObject, type RawObject } from '../protocol/json-text.ts'
import type { RequestMessage } from '../protocol/jsonrpc.ts'

export interface Mirrors {
  /** Keeps what a list of tools says. */
  learn(list: RawObject): void
  /** What a call has to mirror. */
  of(request: RequestMessage): readonly HeaderParam[]
}

/** More tools that mirror something are a mistake of somebody. */
const maxTools = 10_000

export function createMirrors(): Mirrors {
  const byTool = new Map<string, readonly HeaderParam[]>()
  return {
    learn(list) {
      const tools = list.value['tools']
      if (!Array.isArray(tools)) return
      for (const tool of tools) {
        if (!isObject(tool) || typeof tool['name'] !== 'string') continue
        const params = headerParams(tool['inputSchema'])
        if (params.length === 0) byTool.delete(tool['name'])
        else if (byTool.size < maxTools) byTool.set(tool['name'], params)
      }
    },
    of(request) {
      const name = request.method === 'tools/call' ? request.params?.value['name'] : undefined
      return (typeof name === 'string' ? byTool.get(name) : undefined) ?? []
    },
  }
}
