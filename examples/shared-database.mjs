// Accounts in a PostgreSQL database. All sessions share five connections, each has its turn, and none is told that there are
// too many. It is a module for mcplex:
//
//   mcplex up --config examples/shared-resources.yaml
//
// The database is that of the variables PGHOST, PGUSER and PGDATABASE. It has this table:
//
//   create table accounts (name text primary key, amount integer not null)
//
// docs/shared-resources.md explains it.

import { McpServer } from '@modelcontextprotocol/server'
import { pool } from 'mcplex/tools'
import pg from 'pg'
import * as z from 'zod'

// Connections that the database has closed.
const closed = new WeakSet()

const database = pool('database', {
  async create() {
    const client = new pg.Client()
    client.on('error', () => closed.add(client))
    client.on('end', () => closed.add(client))
    await client.connect()
    return client
  },
  destroy: (client) => client.end(),
  validate: (client) => !closed.has(client),
  max: 5,
})

/** Adds in one transaction, so that two sessions at once do not lose what one of them adds. */
async function add(client, name, amount) {
  await client.query('begin')
  try {
    await client.query('insert into accounts values ($1, 0) on conflict do nothing', [name])
    const { rows } = await client.query('select amount from accounts where name = $1 for update', [name])
    const sum = rows[0].amount + amount
    await client.query('update accounts set amount = $2 where name = $1', [name, sum])
    await client.query('commit')
    return sum
  } catch (error) {
    await client.query('rollback').catch(() => closed.add(client))
    throw error
  }
}

export default function createServer() {
  const server = new McpServer({ name: 'accounts', version: '1.0.0' })

  server.registerTool(
    'add',
    { description: 'Adds to an account', inputSchema: z.object({ account: z.string(), amount: z.number().int() }) },
    async ({ account, amount }) => {
      const sum = await database.run((client) => add(client, account, amount))
      return { content: [{ type: 'text', text: String(sum) }] }
    },
  )
  return server
}
