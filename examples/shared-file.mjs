// A journal that all sessions write to: one file, and one of them at a time. Other processes that use the same lock wait as well.
// It is a module for mcplex:
//
//   mcplex up --config examples/shared-resources.yaml
//
// docs/shared-resources.md explains it.

import { readFile } from 'node:fs/promises'
import { McpServer } from '@modelcontextprotocol/server'
import { lock, writeFileAtomic } from 'mcplex/tools'
import * as z from 'zod'

const path = process.env['JOURNAL'] ?? './journal.json'
const journal = lock(path, { ttl: 10_000 })

async function entries() {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT') return []
    throw error
  }
}

export default function createServer() {
  const server = new McpServer({ name: 'journal', version: '1.0.0' })

  server.registerTool(
    'note',
    { description: 'Writes a note into the journal', inputSchema: z.object({ note: z.string() }) },
    async ({ note }) => {
      const count = await journal.run(async ({ signal }) => {
        const notes = [...(await entries()), note]
        // Nothing is written by a task that has lost the lock, and a reader never finds half of it.
        await writeFileAtomic(path, JSON.stringify(notes), { signal })
        return notes.length
      })
      return { content: [{ type: 'text', text: `note ${count}` }] }
    },
  )
  server.registerTool('notes', { description: 'Reads the journal' }, async () => {
    return { content: [{ type: 'text', text: JSON.stringify(await entries()) }] }
  })
  return server
}
