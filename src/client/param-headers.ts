/** What of the arguments of tools is mirrored into headers, as far as the client has been told of the tools. */
import { type HeaderParam, headerParams } from '../protocol/headers.ts'
import { bytesOf, bytesOfValue, type MemoryAccount } from '../base/memory-budget.ts'
import { isObject, type RawObject } from '../protocol/json-text.ts'
import type { RequestMessage } from '../protocol/jsonrpc.ts'

export interface ParamHeaders {
  /** Keeps what a list of tools says. */
  learn(list: RawObject): void
  /** What a call has to mirror. */
  of(request: RequestMessage): readonly HeaderParam[]
}

/** More tools that mirror something are a mistake of somebody. */
const maxTools = 10_000

/** @param memory counts what is kept of tools that mirror something */
export function createParamHeaders(memory: MemoryAccount): ParamHeaders {
  const byTool = new Map<string, readonly HeaderParam[]>()
  return {
    learn(list) {
      const tools = list.value['tools']
      if (!Array.isArray(tools)) return
      for (const tool of tools) {
        if (!isObject(tool) || typeof tool['name'] !== 'string') continue
        const params = headerParams(tool['inputSchema'])
        const name = tool['name']
        const before = byTool.get(name)
        if (before && byTool.delete(name)) memory.release(bytesOfTool(name, before))
        if (params.length === 0 || byTool.size >= maxTools) continue
        if (memory.take(bytesOfTool(name, params)) === 'kept') byTool.set(name, params)
      }
    },
    of(request) {
      const name = request.method === 'tools/call' ? request.params?.value['name'] : undefined
      return (typeof name === 'string' ? byTool.get(name) : undefined) ?? []
    },
  }
}

function bytesOfTool(name: string, params: readonly HeaderParam[]): number {
  return bytesOf(name) + bytesOfValue(params)
}
