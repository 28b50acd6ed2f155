/** A real mcplex whose event loop is blocked again and again: features go one after the other, and come back. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from './support/eventually.ts'
import { messagesOf, reasonOf } from './support/rpc.ts'
import { initialize, openSession } from './support/session.ts'
import { ask } from './support/stateless.ts'
import { fixture, runCommand } from './support/typed-command.ts'

const order = ['background_work', 'new_sessions', 'busiest_sessions', 'new_work']

interface Health {
  readonly ready: boolean
  readonly counts: { readonly overloadStep: number }
}

/** A module with a tool that blocks the event loop, and a server whose calls take long, behind one mcplex. */
async function start(): Promise<{ readonly url: string; readonly lines: () => readonly Record<string, unknown>[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-overload-'))
  const file = join(folder, 'mcplex.yaml')
  writeFileSync(
    file,
    `listen: { port: 0 }
limits: { overload: { loopDelay: 100ms, hold: 1s } }
upstreams:
  blocking: { module: ${JSON.stringify(fixture('modules/caller.mjs')[1])} }
  slow: { command: ${JSON.stringify(fixture('echo-legacy.mjs'))} }
`,
  )
  const running = runCommand(['up', '--json', '--log-format', 'json', '--config', file])
  onTestFinished(async () => {
    running.child.kill('SIGKILL')
    await running.exit()
    rmSync(folder, { recursive: true, force: true })
  })
  const { endpoint } = await running.ready()
  return { url: String(endpoint), lines: () => running.log() }
}

test('under load features are switched off in their order, calls in flight go on, and all comes back', async () => {
  const { url, lines } = await start()
  const health = async (): Promise<Health> => (await (await fetch(new URL('/health', url))).json()) as Health
  const [ada, bob] = [await openSession(`${url}/blocking`), await openSession(`${url}/slow`)]
  await ada.text('block', { ms: 1 })
  const inFlight = bob.response('slow', { ms: 7000 })
  let isOver = false
  const load = (async () => {
    // Refused calls, once only new work is refused, are part of it.
    while (!isOver) await Promise.all([1, 2].map(() => ada.response('block', { ms: 450 })))
  })()

  await eventually('all new work to be refused', async () => (await health()).counts.overloadStep === order.length)
  const refused = await initialize(url)
  expect([refused.status, messagesOf(refused).map(reasonOf)]).toEqual([503, ['overloaded']])
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
  expect((await health()).ready).toBe(false)
  expect(messagesOf(await ask(`${url}/slow`, 'tools/list')).map(reasonOf)).not.toEqual([undefined])
  expect((await bob.response('echo', { text: 'hi' })).error?.data).toMatchObject({ reason: 'overloaded' })
  expect((await bob.request('ping')).result).toEqual({})
  isOver = true
  await load
  expect((await inFlight).result).toBeDefined()

  await eventually('all to be back', async () => (await health()).counts.overloadStep === 0)
  expect(await (await openSession(`${url}/slow`)).text('echo', { text: 'hi' })).toBe('hi')
  const steps = lines().filter(({ msg }) => String(msg).startsWith('overload: '))
  const off = steps.filter(({ msg }) => msg === 'overload: a feature is switched off')
  expect([...new Set(off.map(({ feature }) => feature))]).toEqual(order)
  expect(steps.at(-1)).toMatchObject({ msg: 'overload: a feature is switched on again', feature: order[0], step: 0 })
})
