// The bridge mcp-remote, as a client that knows stdio alone starts it: here one of the official SDK.

import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { ofSdk } from '../sdk-client.mjs'

const main = fileURLToPath(new URL('node_modules/mcp-remote/dist/proxy.js', import.meta.url))

/** @type {import('../many-clients.mjs').Connect} */
export async function connect(url) {
  const home = mkdtempSync(join(tmpdir(), 'mcplex-field-'))
  const client = new Client({ name: 'field', version: '1.0.0' })
  const env = { PATH: process.env['PATH'] ?? '', HOME: home, MCP_REMOTE_CONFIG_DIR: home }
  const command = [main, url, '--allow-http', '--transport', 'http-only']
  await client.connect(new StdioClientTransport({ command: process.execPath, args: command, env, stderr: 'ignore' }))
  return {
    ...ofSdk(client),
    async close() {
      await client.close()
      rmSync(home, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
