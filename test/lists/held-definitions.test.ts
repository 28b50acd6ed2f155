/** A server that defines its tools anew: what clients see of that, what operators are told, and how they accept it. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import { type Mcplex, mcplexForTest } from '../support/mcplex.ts'
import { startPiped } from '../support/pipes.ts'
import { messagesOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'

const server = join(import.meta.dirname, '..', 'fixtures', 'own-lists.mjs')

function runtimeFolder(): string {
  const base = mkdtempSync(join(tmpdir(), 'mcplex-held-'))
  onTestFinished(() => rmSync(base, { recursive: true }))
  mkdirSync(join(base, 'run'), { mode: 0o700 })
  return join(base, 'run')
}

function start(onChange: string, runtime: string, options: readonly string[] = []): Promise<Mcplex> {
  const env = { MCPLEX_UPSTREAM__ON_CHANGE: onChange, XDG_RUNTIME_DIR: runtime, TMPDIR: runtime }
  return mcplexForTest({ server: [server], env, options })
}

/** The description of `echo` that the session is listed, and whether the tool `extra` is. */
async function seen(session: Session): Promise<{ readonly echo: unknown; readonly hasExtra: boolean }> {
  const { result } = await session.request('tools/list')
  const tools = (result?.['tools'] ?? []) as ReadonlyArray<{ readonly name: string; readonly description?: string }>
  const echo = tools.find(({ name }) => name === 'echo')?.description
  return { echo, hasExtra: tools.some(({ name }) => name === 'extra') }
}

async function changeDefinitions(session: Session): Promise<void> {
  await seen(session)
  await session.text('redefine', { text: 'evil' })
  await session.text('learn', { text: 'extra' })
}

/** Runs the command, and gives its exit code and what it wrote to stderr. */
async function run(args: readonly string[], runtime: string): Promise<{ code: number | null; stderr: string }> {
  const piped = startPiped(args, { XDG_RUNTIME_DIR: runtime, TMPDIR: runtime })
  onTestFinished(() => piped.end())
  const code = await piped.exited
  return { code, stderr: piped.stderr() }
}

function adminUrlOf({ pid }: Mcplex, runtime: string): string {
  const text = readFileSync(join(runtime, 'mcplex', `${pid}.json`), 'utf8')
  return (JSON.parse(text) as { admin: { url: string } }).admin.url
}

const before = { echo: 'Gives back what it gets.', hasExtra: false }
const after = { echo: 'evil', hasExtra: true }
const changesIn = ({ log }: Mcplex): unknown[] =>
  log.filter(({ msg }) => String(msg).startsWith('a tool of the server is defined anew')).map(({ tool }) => tool)

test('with hold, clients see what was accepted until the operator accepts the rest, and hear of it then', async () => {
  const runtime = runtimeFolder()
  const mcplex = await start('hold', runtime)
  const session = await openSession(mcplex.url)
  const stream = await session.listen()
  await changeDefinitions(session)
  expect(await seen(session)).toEqual(before)
  // The tool named after the client is one that the first list did not have.
  const changed = ['echo', 'extra', 'for_journey']
  await eventually('the changes in the log', () => changed.every((tool) => changesIn(mcplex).includes(tool)))
  expect(await counts(mcplex)).toMatchObject({ changedDefinitions: 3, heldDefinitions: 3 })
  expect(await seen(await openSession(mcplex.url))).toEqual(before)
  const { error } = await session.request('tools/call', { name: 'extra' })
  expect(error).toMatchObject({ code: -32602, message: expect.stringContaining('no tool of this name') as string })

  const told = messagesOf(stream).length
  const { code, stderr } = await run(['upstreams', 'accept', 'server'], runtime)
  expect([code, stderr.replace(/: [a-z_, ]+$/m, '')]).toEqual([0, 'server: 3 definitions accepted\n'])
  const logged = mcplex.log.find(({ msg }) => msg === 'definitions of tools are accepted')
  for (const tool of changed) {
    expect(stderr).toContain(tool)
    expect(logged?.['tools']).toContain(tool)
  }
  expect(await counts(mcplex)).toMatchObject({ heldDefinitions: 0 })
  await eventually('the change to be heard', () => messagesOf(stream).length > told)
  await eventually('the new definitions', async () => (await seen(session)).hasExtra)
  expect(await seen(session)).toEqual(after)
  expect(readdirSync(join(runtime, 'mcplex')).filter((name) => !name.endsWith('.sock'))).toEqual([`${mcplex.pid}.json`])
})

test.each(['allow', 'alert'])(
  'with %s, a change of one session is shown and logged without its text',
  async (onChange) => {
    const mcplex = await start(onChange, runtimeFolder())
    const session = await openSession(mcplex.url)
    await changeDefinitions(session)
    expect(await seen(session)).toEqual(after)
    const line = mcplex.log.find(({ tool }) => tool === 'echo')
    expect(line).toMatchObject({ change: 'changed', differs: ['description'] })
    expect(line).not.toHaveProperty('diff')
    const { changedDefinitions } = await counts(mcplex)
    expect(changedDefinitions).toBe(onChange === 'alert' ? 2 : undefined)
  },
)

test('an upstream that does not exist, and an instance that is not there, are named', async () => {
  const runtime = runtimeFolder()
  expect(await run(['upstreams', 'accept', 'server'], runtime)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('no mcplex of this user runs') as string,
  })
  const closed = await start('hold', runtime, ['--admin', 'off'])
  const open = await start('hold', runtime, ['--admin', '127.0.0.1:0'])
  const url = adminUrlOf(open, runtime)
  // By a file, by its socket, and by its address.
  for (const which of [
    ['--pid', String(closed.pid)],
    ['--pid', String(open.pid)],
    ['--admin', url],
  ]) {
    expect(await run(['upstreams', 'accept', 'other', ...which], runtime)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no upstream other') as string,
    })
    expect(await run(['upstreams', 'accept', 'server', ...which], runtime)).toEqual({
      code: 0,
      stderr: 'server: 0 definitions accepted\n',
    })
  }
})

test('lists the servers with what each holds back, and accepts one definition by its hash', async () => {
  const runtime = runtimeFolder()
  const mcplex = await start('hold', runtime)
  const session = await openSession(mcplex.url)
  await changeDefinitions(session)
  expect(await seen(session)).toEqual(before)
  await eventually('the changes in the log', () => ['echo', 'extra'].every((tool) => changesIn(mcplex).includes(tool)))

  const [only] = (await listed(runtime)).upstreams
  expect(only).toMatchObject({
    name: 'server',
    kind: 'stdio',
    state: 'ready',
    tools: expect.any(Number),
    more: 0,
  })
  const held = only?.held ?? []
  const echo = held.find(({ tool }) => tool === 'echo')
  expect(echo).toMatchObject({
    change: 'changed',
    differs: ['description'],
    hash: expect.stringMatching(/^[\w-]{16}$/),
  })
  expect(held.find(({ tool }) => tool === 'extra')).toMatchObject({ change: 'added', differs: [] })

  // Behind `--`: a hash may begin with a hyphen.
  const one = await run(['upstreams', 'accept', 'server', '--', (echo?.hash ?? '').slice(0, 12)], runtime)
  expect(one).toEqual({ code: 0, stderr: 'server: 1 definition accepted: echo\n' })
  await eventually('the definition of echo', async () => (await seen(session)).echo === 'evil')
  expect((await seen(session)).hasExtra).toBe(false)
  const left = (await listed(runtime)).upstreams[0]?.held ?? []
  expect(left.map(({ tool }) => tool)).toEqual(held.map(({ tool }) => tool).filter((tool) => tool !== 'echo'))

  expect(await run(['upstreams', 'accept', 'server', 'nothing-like-it'], runtime)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('definition_unknown') as string,
  })
  expect(await run(['upstreams', 'accept', 'server', ''], runtime)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('several definitions') as string,
  })
})

interface Listed {
  readonly upstreams: ReadonlyArray<{
    readonly held: ReadonlyArray<{ readonly tool: string; readonly hash: string }>
  }>
}

async function listed(runtime: string): Promise<Listed> {
  const piped = startPiped(['upstreams', '--json'], { XDG_RUNTIME_DIR: runtime, TMPDIR: runtime })
  onTestFinished(() => piped.end())
  expect(await piped.exited).toBe(0)
  return JSON.parse(piped.lines.join('')) as Listed
}
