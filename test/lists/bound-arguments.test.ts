/** Arguments that the operator has bound: what clients of both eras see of them, and what servers get, over HTTP. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Server } from '@modelcontextprotocol/server'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type InProcess, startForTest, startModule, startSeveral } from '../support/in-process.ts'
import { responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { runCommand } from '../support/typed-command.ts'
import { openSession, type Session } from '../support/session.ts'
import { ask, toolResponse } from '../support/stateless.ts'

const fixtures = join(import.meta.dirname, '..', 'fixtures')
/** Its tools have `text` and `org_id`, and `echo` says what it gets. */
const server = join(fixtures, 'own-lists.mjs')

/** No tool of that server has `region`. */
const boundArgs = { org_id: 'acme', region: 'eu' }

function start(): Promise<InProcess> {
  return startForTest([server], { upstream: { boundArgs, stateless: 'shared' } })
}

interface Tool {
  readonly name: string
  readonly inputSchema: { readonly properties: object }
}

function toolsIn({ result }: RpcMessage): readonly Tool[] {
  return (result?.['tools'] ?? []) as readonly Tool[]
}

const without = { type: 'object', properties: { text: { type: 'string' } } }

function schemaIn(message: RpcMessage, tool: string): unknown {
  return toolsIn(message).find(({ name }) => name === tool)?.inputSchema
}

async function echoed(session: Session, tool: string, args: Readonly<Record<string, unknown>>): Promise<unknown> {
  return JSON.parse(await session.text(tool, args))
}

test('a session does not see a bound argument, and its tools get the value of the operator', async () => {
  const { url } = await start()
  const session = await openSession(url)
  // The first call comes before any list.
  expect(await echoed(session, 'echo', { text: 'a' })).toEqual({ text: 'a', org_id: 'acme' })
  expect(await echoed(session, 'echo', { text: 'a', org_id: 'evil' })).toEqual({ text: 'a', org_id: 'acme' })
  expect(schemaIn(await session.request('tools/list'), 'echo')).toEqual(without)
})

test('so do clients without a session', async () => {
  const { url } = await start()
  const listed = await responseTo(await ask(url, 'tools/list', {}, { id: 'list' }), 'list')
  expect(schemaIn(listed, 'echo')).toEqual(without)
  const answer = await toolResponse(url, 'echo', { text: 'a', org_id: 'evil' })
  expect(JSON.parse(textOf(answer))).toEqual({ text: 'a', org_id: 'acme' })
})

test('a tool that only one session has is bound as well', async () => {
  const session = await openSession((await start()).url)
  await session.text('learn', { text: 'extra' })
  // It is called before it is listed: it has `org_id`, and no `region`.
  expect(await echoed(session, 'extra', { org_id: 'evil' })).toEqual({ org_id: 'acme' })
  await eventually('the tool is listed', async () => {
    const listed = await session.request('tools/list')
    return toolsIn(listed).some(({ name }) => name === 'extra')
  })
  expect(schemaIn(await session.request('tools/list'), 'extra')).toEqual(without)
  expect(await echoed(session, 'extra', { org_id: 'evil' })).toEqual({ org_id: 'acme' })
})

test('behind a merged endpoint, each server gets its own values', async () => {
  const shared = { args: [server], stateless: 'shared' as const }
  const { url } = await startSeveral({
    a: { ...shared, boundArgs: { org_id: 'of a' } },
    b: { ...shared, boundArgs: { org_id: 7 } },
    free: shared,
  })
  const session = await openSession(url)
  await eventually('all servers are listed', async () => {
    const names = toolsIn(await session.request('tools/list')).map(({ name }) => name)
    return ['a__echo', 'b__echo', 'free__echo'].every((name) => names.includes(name))
  })
  const listed = await session.request('tools/list')
  expect([schemaIn(listed, 'a__echo'), schemaIn(listed, 'b__echo')]).toEqual([without, without])
  expect(schemaIn(listed, 'free__echo')).toMatchObject({ properties: { org_id: { type: 'string' } } })
  expect(await echoed(session, 'a__echo', { org_id: 'evil' })).toEqual({ org_id: 'of a' })
  expect(await echoed(session, 'free__echo', { org_id: 'mine' })).toEqual({ org_id: 'mine' })
  const stateless = await toolResponse(url, 'b__echo', { org_id: 'evil', text: 'a' })
  expect(JSON.parse(textOf(stateless))).toEqual({ text: 'a', org_id: 7 })
})

test('a bound argument is not asked for as a header, and a header for it changes nothing', async () => {
  const modern = join(fixtures, 'everything-modern.mjs')
  const { url } = await startForTest([modern], { upstream: { boundArgs: { region: 'eu' } } })
  const tool = 'test_x_mcp_header'
  const listed = await responseTo(await ask(url, 'tools/list', {}, { id: 'list' }), 'list')
  expect(Object.keys(toolsIn(listed).find(({ name }) => name === tool)?.inputSchema.properties ?? {})).toEqual([
    'priority',
    'query',
  ])
  expect(textOf(await toolResponse(url, tool, { query: 'x' }))).toBe('Region: eu')
  expect(textOf(await toolResponse(url, tool, { region: 'us' }))).toBe('Region: eu')
  const headers = { 'Mcp-Param-Region': 'us' }
  expect(textOf(await toolResponse(url, tool, { region: 'eu' }, { headers }))).toBe('Region: eu')
  expect(textOf(await toolResponse(url, tool, {}, { headers }))).toBe('Region: eu')
  // The others are still compared.
  const refused = await toolResponse(url, tool, { priority: 1 }, { headers: { 'Mcp-Param-Priority': '2' } })
  expect(refused.error).toBeDefined()
})

test('tools of a module get them, too', async () => {
  const inputSchema = { type: 'object' as const, properties: { org_id: { type: 'string' } }, required: ['org_id'] }
  const factory = (): Server => {
    const made = new Server({ name: 'mine', version: '1' }, { capabilities: { tools: {} } })
    made.setRequestHandler('tools/list', () => ({ tools: [{ name: 'say', inputSchema }] }))
    made.setRequestHandler('tools/call', ({ params }) => ({
      content: [{ type: 'text' as const, text: JSON.stringify(params.arguments ?? null) }],
    }))
    return made
  }
  const session = await openSession(
    (await startModule({ module: factory, boundArgs: { org_id: ['a', { b: null }] } })).url,
  )
  expect(schemaIn(await session.request('tools/list'), 'say')).toEqual({ type: 'object', properties: {} })
  expect(await echoed(session, 'say', {})).toEqual({ org_id: ['a', { b: null }] })
})

test('a file binds them, and no value is in the log; an argument that no tool has is', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-bound-'))
  const file = join(folder, 'mcplex.yaml')
  const command = JSON.stringify([process.execPath, server])
  const args = '{ org_id: "${ORG}", orgid: [hunter3] }'
  writeFileSync(file, `listen: { port: 0 }\nupstreams: { own: { command: ${command}, args: ${args} } }\n`)
  const running = runCommand(['up', '--config', file, '--json', '--verbose'], { ORG: 'hunter2' })
  onTestFinished(async () => {
    running.child.kill('SIGKILL')
    await running.exit()
    rmSync(folder, { recursive: true })
  })
  const { endpoint } = await running.ready()
  const session = await openSession(String(endpoint))
  expect(await echoed(session, 'echo', { org_id: 'evil' })).toEqual({ org_id: 'hunter2' })
  await eventually('the unused argument in the log', () => running.log().some(({ argument }) => argument === 'orgid'))
  expect(running.log().filter(({ argument }) => argument !== undefined)).toHaveLength(1)
  expect(running.stderr() + running.stdout()).not.toContain('hunter')
})
