/**
 * Desktop Commander lists other tools to its own app than to others: through mcplex each client is listed what it would be
 * listed directly, alone and behind an endpoint of two servers, before its first call and after it.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { serverCommand } from '../../field/servers.mjs'
import { eventually } from '../support/eventually.ts'
import { startUpstreams } from '../support/in-process.ts'
import { echoLegacy } from '../support/mcplex.ts'

/** Some hundred megabytes, where they are not there yet. */
const installMs = 15 * 60_000
/** Its own app, and a client of another name. */
const clients = ['desktop-commander-app', 'claude-ai']
const hiddenFromApp = ['give_feedback_to_desktop_commander', 'get_prompts']

let home = ''
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'mcplex-own-app-'))
  const install = join(import.meta.dirname, '..', '..', 'field', 'install.mjs')
  await promisify(execFile)(process.execPath, [install, 'desktop-commander'], { timeout: installMs })
}, installMs)
afterAll(() => rm(home, { recursive: true, force: true, maxRetries: 5 }))

/** How it is started: all of them share a home, as on the machine of one user. */
function setup(): { command: string; args: string[]; env: Record<string, string> } {
  const { args, env } = serverCommand('desktop-commander')
  return { command: process.execPath, args: [...args], env: { ...env, HOME: home } }
}

async function connected(name: string, transport: OldTransport | StdioClientTransport): Promise<OldClient> {
  const client = new OldClient({ name, version: '1' })
  await client.connect(transport)
  onTestFinished(() => client.close())
  return client
}

async function direct(name: string): Promise<OldClient> {
  const { env, ...started } = setup()
  const all = { PATH: process.env['PATH'] ?? '', ...env }
  return connected(name, new StdioClientTransport({ ...started, env: all, cwd: home, stderr: 'ignore' }))
}

/** The definitions of all tools as the server has them: at an endpoint of several, names and links to its app name it. */
async function toolsOf(client: OldClient, prefix = ''): Promise<ReadonlyArray<{ readonly name: string }>> {
  const { tools } = await client.listTools()
  const text = JSON.stringify(tools.filter(({ name }) => name.startsWith(prefix)))
  return (JSON.parse(prefix === '' ? text : text.replaceAll('ui://commander/', 'ui://')) as typeof tools).map(
    (tool) => ({
      ...tool,
      name: tool.name.slice(prefix.length),
    }),
  )
}

test.each([
  ['alone', ''],
  ['behind an endpoint of two servers', 'commander__'],
])('%s it lists to each client what it lists to it directly', { timeout: 600_000 }, async (_place, prefix) => {
  const commander = { ...setup(), cwd: home }
  const other = { command: process.execPath, args: [echoLegacy] }
  const { url } = await startUpstreams(prefix === '' ? { commander } : { commander, other })
  for (const name of clients) {
    const own = await direct(name)
    const wanted = await toolsOf(own)
    // So that the test cannot pass without a difference.
    expect(wanted.some((tool) => hiddenFromApp.includes(tool.name))).toBe(name !== 'desktop-commander-app')
    const client = await connected(name, new OldTransport(new URL(url)))
    // What takes long at first is shown when it is there.
    const given = await eventually('its list', async () => {
      const tools = await toolsOf(client, prefix)
      return tools.length === wanted.length && tools
    })
    expect(given).toEqual(wanted)
    const call = { name: 'list_sessions', arguments: {} }
    const [answer, through] = [
      await own.callTool(call),
      await client.callTool({ ...call, name: `${prefix}list_sessions` }),
    ]
    expect(through.content).toEqual(answer.content)
    // Its own process is asked now.
    expect(await toolsOf(client, prefix)).toEqual(wanted)
  }
})
