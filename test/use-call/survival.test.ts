/** What a module does outside of what its SDK catches ends its own server object at most: the real command goes on. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { reasonOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { runCommand, type Running } from '../support/typed-command.ts'

const module = join(import.meta.dirname, '../fixtures/modules/faulty.mjs')
let running: Running | undefined
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-survival-'))
})
afterEach(async () => {
  running?.child.kill('SIGKILL')
  await running?.exit()
  running = undefined
  rmSync(folder, { recursive: true, force: true })
})

/** @param upstreams in YAML, indented by two */
async function up(
  env: Record<string, string> = {},
  upstreams = `  mine: { module: ${module} }\n`,
): Promise<{ url: string; running: Running }> {
  const file = join(folder, 'mcplex.yaml')
  writeFileSync(file, `listen: { port: 0 }\nlog: { level: warn }\nupstreams:\n${upstreams}`)
  const started = runCommand(['up', '--json', '--log-format', 'json', '--config', file], env)
  running = started
  await eventually('it to be ready', () => started.stdout().includes('\n') || started.child.exitCode !== null)
  return { url: String((await started.ready())['endpoint']), running: started }
}

/** The lines of its log about the module, with this reason. */
function complaints({ log }: Running, reason: string): unknown[] {
  return log().filter((line) => JSON.stringify(line).includes(reason))
}

test.each([
  ['throw-nasty', 'an error in it was not caught'],
  ['throw-nasty-error', 'an error in it was not caught'],
  ['throw-text', 'an error in it was not caught'],
  ['reject-bare', 'a rejection in it was not handled'],
  ['reject-null', 'a rejection in it was not handled'],
])('%s ends its own call, and is logged once', async (tool, reason) => {
  const { url, running: command } = await up()
  const [ada, bob] = [await openSession(url), await openSession(url)]
  expect(reasonOf(await ada.response(tool))).toBe('upstream_closed')
  expect(await bob.text('ok')).toBe('ok')
  expect(complaints(command, reason)).toHaveLength(1)
  expect(complaints(command, 'an unhandled rejection')).toEqual([])
})

test('a result whose toJSON throws what cannot be shown ends its call with an error', async () => {
  const { url } = await up()
  const session = await openSession(url)
  expect((await session.response('nasty-json')).error).toMatchObject({ code: -32603 })
  expect(await session.text('ok')).toBe('ok')
})

describe('a listener of the signal that throws harms its own session alone', () => {
  test.each(['cancelled', 'deleted'])('when the call is %s', async (how) => {
    const { url, running: command } = await up()
    const [ada, bob] = [await openSession(url), await openSession(url)]
    const listening = ada.call('listen', {}, { id: 77 })
    await eventually('the handler to listen', async () => (await ada.text('listens')) === 'true')
    if (how === 'cancelled') await ada.notify('notifications/cancelled', { requestId: 77 })
    else await ada.end()
    await listening.then((answered) => answered.text).catch(() => {})
    if (how === 'cancelled')
      await eventually('the log to name it', () => complaints(command, 'the cleanup has failed')[0])
    else await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await bob.text('ok')).toBe('ok')
    expect(command.child.exitCode).toBe(null)
  })
})

test.each([
  ['timer', false, 'an error in it was not caught'],
  ['event', false, 'an error in it was not caught'],
  ['exit', false, 'it called process.exit(3)'],
  ['exit', true, 'it called process.exit(3)'],
])('what a module begins at its top (%s, isolate: %s) is named when it fails', async (fault, isolate, reason) => {
  const upstreams = `  mine: { module: ${module}, isolate: ${isolate} }\n`
  const { url, running: command } = await up({ EARLY_FAULT: fault }, upstreams)
  const session = await openSession(url)
  await eventually('the log to name it', () => complaints(command, reason)[0])
  expect(await session.text('ok')).toBe('ok')
  expect(complaints(command, 'module has failed')).toHaveLength(1)
  const health = await (await fetch(new URL('/health', url))).text()
  expect(health).toContain(reason)
})

test('a module that could not be loaded is loaded when it is tried again', async () => {
  const later = join(folder, 'later.mjs')
  const present = join(folder, 'present')
  writeFileSync(
    later,
    `import { existsSync } from 'node:fs'
if (!existsSync(${JSON.stringify(present)})) throw new Error('not yet')
export { default } from ${JSON.stringify(pathToFileURL(module).href)}
`,
  )
  const { url, running: command } = await up({}, `  mine: { module: ${module} }\n  later: { module: ${later} }\n`)
  await eventually('the log to name it', () => complaints(command, 'not yet')[0])
  writeFileSync(present, '')
  const session = await openSession(url)
  await eventually('its tools to be there', async () => (await session.response('later__ok')).result !== undefined)
})
