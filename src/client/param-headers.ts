/**
 * The arguments of tools that calls must mirror into headers, as learnt from the tool lists that the client was sent.
 */
import { type HeaderParam, headerParams } from '../protocol/headers.ts'
import { bytesOf, bytesOfValue, type MemoryAccount } from '../base/memory-budget.ts'
import { isObject, type RawObject } from '../protocol/json-text.ts'
import type { RequestMessage } from '../protocol/jsonrpc.ts'

export interface ParamHeaders {
  /** Keeps the mirrored arguments of the tools in a `tools/list` result. */
  learn(list: RawObject): void
  /** The arguments that a call must mirror. */
  of(request: RequestMessage): readonly HeaderParam[]
}

/** The most tools with mirrored arguments that are kept; no real server has more. */
const maxTools = 10_000

/** @param memory counts what is kept */
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
        if (memory.take(bytesOfTool(name, params)) === 'reserved') byTool.set(name, params)
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
