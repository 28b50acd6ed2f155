// The official SDK, left to find out by itself which era to speak. It is a dependency of the root.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'

import { ofSdk } from '../sdk-client.mjs'

/** @type {import('../many-clients.mjs').Connect} */
export async function connect(url) {
  const client = new Client({ name: 'field', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StreamableHTTPClientTransport(new URL(url)))
  return ofSdk(client)
}
