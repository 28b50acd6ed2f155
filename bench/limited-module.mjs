// A module of one tool that asks an API which allows so many calls a second. All sessions share that through `limited`.
// BENCH_API is the address of the API, BENCH_RATE what it allows.

import { McpServer } from '@modelcontextprotocol/server'
import { limited } from '../dist/tools.js'
import * as z from 'zod'
import { echoed, serverInfo } from './lib/tools.mjs'

const api = limited('api', { rate: Number(process.env['BENCH_RATE']) })

export function createServer() {
  const server = new McpServer(serverInfo)
  server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text }) =>
    api.run(async ({ signal, retryAfter }) => {
      const response = await fetch(process.env['BENCH_API'], { signal })
      await response.arrayBuffer()
      return response.status === 429 ? retryAfter(response.headers.get('retry-after')) : echoed(text)
    }),
  )
  return server
}
