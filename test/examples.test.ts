/** The programs of `examples/`, run as their first lines say. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { childrenOf, runs } from './children/processes.ts'
import { eventually, inTime } from './support/eventually.ts'
import { openSession } from './support/session.ts'
import { fixture } from './support/typed-command.ts'

const examples = join(import.meta.dirname, '..', 'examples')
const running: ChildProcess[] = []

afterEach(() => {
  for (const child of running.splice(0)) if (child.exitCode === null) child.kill('SIGKILL')
})

test('the embedding example serves MCP beside its own pages, tells of each call, and ends cleanly', async () => {
  const child = spawn(process.execPath, [join(examples, 'embed-node-http.mjs'), ...fixture('echo-legacy.mjs')], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  running.push(child)
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const url = await eventually('the example to be ready', () => /ready: (\S+\/mcp) \(echo-legacy, /.exec(said)?.[1])

  const session = await openSession(url)
  expect(await session.text('echo', { text: 'embedded' })).toBe('embedded')
  expect(await (await fetch(new URL('/', url))).text()).toBe('echo-legacy: 1 calls so far\n')
  expect((await fetch(new URL('/readyz', url))).status).toBe(200)
  expect((await fetch(new URL('/elsewhere', url))).status).toBe(404)
  await eventually('the call to be told', () => /^tools\/call ok in \d+ ms$/m.test(said))

  const servers = childrenOf(child.pid ?? 0, 'echo-legacy.mjs')
  expect(servers.length).toBeGreaterThan(0)
  child.kill('SIGTERM')
  expect(await inTime('the example to end', ended)).toBe(0)
  await eventually('its servers to end', () => !servers.some(runs))
})
