// mcporter, as a library: its runtime keeps the connection.

import { createRuntime } from 'mcporter'

/** @type {import('../many-clients.mjs').Connect} */
export async function connect(url) {
  const field = { name: 'field', command: { kind: 'http', url: new URL(url) } }
  const runtime = await createRuntime({ servers: [field], logger: quiet })
  const tools = await runtime.listTools('field')
  return {
    tools: () => tools.map(({ name }) => name),
    async call(name, args) {
      const { content } = await runtime.callTool('field', name, { args })
      return content[0].text
    },
    close: () => runtime.close(),
  }
}

const quiet = { debug() {}, info() {}, warn() {}, error() {} }
