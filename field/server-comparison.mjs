// One server before a client of the official SDK: directly by stdio, and through mcplex by Streamable HTTP.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startGateway } from '../conformance/gateway.mjs'
import { differences } from './differences.mjs'
import { callsOf } from './server-calls.mjs'
import { serverCommand } from './servers.mjs'

/**
 * What a server is found to have; a list that it does not have is left out.
 * @typedef {object} Found
 * @property {object | undefined} server      its name and version
 * @property {object | undefined} capabilities
 * @property {string | undefined} instructions
 * @property {any} [tools]
 * @property {any} [prompts]
 * @property {any} [resources]
 * @property {any} [templates]
 * @property {object} calls        what each gives, or how it fails
 *
 * @typedef {{ direct: Found, through: Found, differences: string[] }} Compared
 */

/**
 * Throws when the server does not start.
 * @param {string} name
 * @returns {Promise<Compared>}
 */
export async function compareServer(name) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'mcplex-field-')))
  const { args, env } = serverCommand(name)
  // Its home, too, is at one path both times, so that what it says of it is alike.
  const cwd = join(folder, 'home')
  const variables = { ...env, HOME: cwd, MEMORY_FILE_PATH: join(cwd, 'memory.jsonl') }
  const empty = () => {
    rmSync(cwd, { recursive: true, force: true, maxRetries: 3 })
    mkdirSync(cwd)
  }
  try {
    empty()
    const direct = await find(name, () => {
      const PATH = process.env['PATH'] ?? ''
      const command = { command: process.execPath, args, env: { PATH, ...variables }, cwd }
      return new StdioClientTransport({ ...command, stderr: 'ignore' })
    })
    empty()
    const given = Object.entries(variables).flatMap(([key, value]) => ['--env', `${key}=${value}`])
    const gateway = await startGateway('serve', [
      '--log-level',
      'warn',
      '--cwd',
      cwd,
      ...given,
      '--',
      process.execPath,
      ...args,
    ])
    const url = new URL(gateway.url)
    let through, complaint
    try {
      through = await find(name, () => new StreamableHTTPClientTransport(url))
    } finally {
      complaint = await gateway.stop()
    }
    const found = differences(direct, through)
    return { direct, through, differences: complaint === undefined ? found : [...found, complaint] }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/**
 * @param {string} name
 * @param {() => import('@modelcontextprotocol/client').Transport} open
 * @returns {Promise<Found>}
 */
async function find(name, open) {
  const client = new Client({ name: 'field', version: '1.0.0' })
  await client.connect(open())
  try {
    const capabilities = client.getServerCapabilities()
    const has = (/** @type {'tools' | 'prompts' | 'resources'} */ what) => capabilities?.[what] !== undefined
    const { tools = [] } = has('tools') ? await client.listTools() : {}
    /** @type {Found} */
    const found = {
      server: client.getServerVersion(),
      capabilities,
      instructions: client.getInstructions(),
      ...(has('tools') && { tools }),
      ...(has('prompts') && { prompts: await attempt(() => client.listPrompts()) }),
      ...(has('resources') && {
        resources: await attempt(() => client.listResources()),
        templates: await attempt(() => client.listResourceTemplates()),
      }),
      calls: {},
    }
    const calls = []
    for (const [tool, args] of callsOf(name, tools))
      calls.push(await attempt(() => client.callTool({ name: tool, arguments: args })))
    return { ...found, calls }
  } finally {
    await client.close()
  }
}

/**
 * What is given, as it came over the wire, or how it fails.
 * @param {() => Promise<object>} ask
 */
async function attempt(ask) {
  try {
    return JSON.parse(JSON.stringify(await ask()))
  } catch (error) {
    const { message, code } = /** @type {Error & { code?: number }} */ (error)
    return { failure: { message, code } }
  }
}
