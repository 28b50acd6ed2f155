// A tool that asks an API which allows ten calls a second. All sessions share that: each has its turn, none is refused.
// It is a module for mcplex:
//
//   mcplex up --config examples/shared-resources.yaml
//
// docs/shared-resources.md explains it.

import { McpServer } from '@modelcontextprotocol/server'
import { limited } from 'mcplex/tools'
import * as z from 'zod'

const api = process.env['WEATHER_API'] ?? 'http://127.0.0.1:8090'

// One for all sessions, made when it is first used.
const weather = limited('weather', { rate: 10 })

export default function createServer() {
  const server = new McpServer({ name: 'weather', version: '1.0.0' })

  server.registerTool(
    'weather',
    { description: 'The weather in a city', inputSchema: z.object({ city: z.string() }) },
    async ({ city }) => {
      const text = await weather.run(async ({ signal, retryAfter }) => {
        const response = await fetch(`${api}/weather?city=${encodeURIComponent(city)}`, { signal })
        // The API wants a pause: no session calls it until then, and then this runs again.
        if (response.status === 429) return retryAfter(response.headers.get('retry-after'))
        if (!response.ok) throw new Error(`the weather is not to be had: ${response.status}`)
        return response.text()
      })
      return { content: [{ type: 'text', text }] }
    },
  )
  return server
}
