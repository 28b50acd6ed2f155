// A module of tools, written as the SDK's documentation does: one `echo` tool and nineteen more. `mcplex up` serves it, and
// `server-object.mjs` measures what its server object costs alone.

import { McpServer } from '@modelcontextprotocol/server'
import * as z from 'zod'
import { echoed, serverInfo } from './lib/tools.mjs'

export function createServer() {
  const server = new McpServer(serverInfo)
  server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text }) => echoed(text))
  for (let at = 1; at < 20; at += 1)
    server.registerTool(`lookup_${at}`, { inputSchema: z.object({ key: z.string() }) }, ({ key }) => echoed(key))
  return server
}
