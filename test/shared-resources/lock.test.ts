/** A name and a file that one task has at a time, through `lock` of `mcplex/tools`. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { lock } from '../../src/tools.ts'
import { eventually } from '../support/eventually.ts'
import { startModule } from '../support/in-process.ts'
import { openSession, type Session } from '../support/session.ts'
import { runCommand, type Running } from '../support/typed-command.ts'

const root = join(import.meta.dirname, '../..')
const module = join(root, 'test/fixtures/modules/locks.mjs')
const example = join(root, 'examples/shared-file.mjs')

/** In memory where there is such a place: four hundred writes wait for the disk each, and other tests keep it busy. */
const place = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

function newFolder(): string {
  const folder = mkdtempSync(join(place, 'mcplex-lock-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** The command in a process of its own, which serves a module. */
async function serveInProcess(
  path: string,
  folder: string,
  env: Record<string, string> = {},
): Promise<{ url: string; running: Running }> {
  const file = join(folder, 'mcplex.yaml')
  writeFileSync(file, `listen: { port: 0 }\nlog: { level: warn }\nupstreams:\n  mine: { module: ${path} }\n`)
  const running = runCommand(['up', '--json', '--config', file], env)
  onTestFinished(async () => {
    running.child.kill('SIGKILL')
    await running.exit()
  })
  await eventually('it to be ready', () => running.stdout().includes('\n') || running.child.exitCode !== null)
  return { url: String((await running.ready())['endpoint']), running }
}

/** Has each session write notes of its own, one after the other. */
async function writeNotes(sessions: readonly Session[], who: string, each: number): Promise<void> {
  await Promise.all(
    sessions.map(async (session, at) => {
      for (let note = 0; note < each; note++)
        expect(await session.text('note', { note: `${who}/${at}/${note}` })).toMatch(/^note \d+$/)
    }),
  )
}

function sessionsAt(url: string, count: number): Promise<Session[]> {
  return Promise.all(Array.from({ length: count }, () => openSession(url)))
}

const notesIn = (path: string): string[] => JSON.parse(readFileSync(path, 'utf8')) as string[]

/** Sets a variable for the modules that the test loads. */
function setJournal(path: string): void {
  process.env['JOURNAL'] = path
  onTestFinished(() => void delete process.env['JOURNAL'])
}

test('two hundred sessions write one file: no note is lost, none is refused', async () => {
  const path = join(newFolder(), 'journal.json')
  setJournal(path)
  const { url } = await startModule({ module: example })
  await writeNotes(await sessionsAt(url, 200), 'a', 2)
  const notes = notesIn(path)
  expect(new Set(notes).size).toBe(400)
  expect(notes).toHaveLength(400)
})

test('two processes write one file: no note is lost, and neither waits until the other is done', async () => {
  const folder = newFolder()
  const path = join(folder, 'journal.json')
  setJournal(path)
  const [here, there] = [
    await startModule({ module: example, isolate: true }),
    await serveInProcess(example, folder, { JOURNAL: path }),
  ]
  const [ours, theirs] = [await sessionsAt(here.url, 20), await sessionsAt(there.url, 20)]
  const lasts: number[] = []
  const writing = [ours, theirs].map(async (sessions, at) => {
    await writeNotes(sessions, String(at), 15)
    lasts.push(notesIn(path).length)
  })
  await Promise.all(writing)
  const notes = notesIn(path)
  expect(new Set(notes).size).toBe(600)
  expect(notes).toHaveLength(600)
  // The first to be done has met some of the other on its way.
  expect(Math.min(...lasts)).toBeGreaterThan(310)
})

describe.each([
  ['in the same thread', false],
  ['in a thread of its own', true],
])('a module %s', (_where, isolate) => {
  test('gives the lock of a name in the order of arrival, and a wait that is cancelled goes', async () => {
    const { url, counts } = await startModule({ module, isolate })
    const [ada, bob] = [await openSession(url), await openSession(url)]
    const held = ada.text('hold')
    await eventually('the lock to be held', async () => (await counts())['heldLocks'] === 1)
    const waits: Array<Promise<unknown>> = []
    for (const [at, session] of [ada, ada, bob, ada].entries()) {
      waits.push(session.text('queue', { who: String(at) }))
      await eventually('it to wait', async () => (await counts())['waitingForLocks'] === at + 1)
    }
    const gone = bob.call('queue', { who: 'gone' }, { id: 99 })
    await eventually('it to wait', async () => (await counts())['waitingForLocks'] === 5)
    await eventually('its age', async () => ((await counts())['oldestLockWaitMs'] ?? 0) > 0)
    await bob.notify('notifications/cancelled', { requestId: 99 })
    await eventually('it to go', async () => (await counts())['waitingForLocks'] === 4)
    await bob.text('release')
    expect(await held).toBe('released')
    await Promise.all(waits)
    expect(await bob.text('order')).toBe('["0","1","2","3"]')
    await gone.catch(() => {})
  })

  test('takes the lock from a task that keeps it too long, which writes nothing from then on', async () => {
    const path = join(newFolder(), 'a.txt')
    writeFileSync(path, 'before')
    const { url } = await startModule({ module, isolate })
    const session = await openSession(url)
    const tooLong = session.text('keep-too-long', { path })
    expect(await (await openSession(url)).text('short')).toBe('mine')
    expect(JSON.parse(await tooLong)).toEqual(['lock_lost', 'lock_lost'])
    expect(readFileSync(path, 'utf8')).toBe('before')
  })
})

test('a file that a killed process has locked is free after the time of the lock', async () => {
  const folder = newFolder()
  const path = join(folder, 'a.json')
  const [{ url }, { url: other, running }] = [await startModule({ module }), await serveInProcess(module, folder)]
  const [session, holder] = [await openSession(url), await openSession(other)]
  const holding = holder.call('hold-file', { path }).then((answered) => answered.text)
  const gone = Promise.resolve(holding).catch(() => 'gone')
  await eventually('the file to be locked', async () => (await session.text('try-file', { path })) === 'wait_timeout')
  running.child.kill('SIGKILL')
  await gone
  expect(await session.text('take-file', { path })).toBe('taken')
})

test('a session that ends while its client has vanished gives its lock to the next', async () => {
  const { url, counts } = await startModule({ module })
  const [ada, bob] = [await openSession(url), await openSession(url)]
  const vanished = new AbortController()
  const held = ada.call('hold', {}, { signal: vanished.signal }).catch(() => 'cut')
  await eventually('the lock to be held', async () => (await counts())['heldLocks'] === 1)
  vanished.abort()
  expect(await held).toBe('cut')
  const next = bob.text('queue', { who: 'bob' })
  await eventually('it to wait', async () => (await counts())['waitingForLocks'] === 1)
  await ada.end()
  expect(await next).toMatch(/^\d+$/)
  await eventually('no lock to be held', async () => (await counts())['heldLocks'] === 0)
})

test('a task whose lock another program has taken away is told', async () => {
  const path = join(newFolder(), 'a.json')
  const { url } = await startModule({ module })
  const [ada, bob] = [await openSession(url), await openSession(url)]
  const held = ada.text('hold-file', { path })
  await eventually('the file to be locked', () => existsSync(`${path}.held`))
  rmSync(`${path}.lock`, { recursive: true })
  expect(await held).toMatch(/^lock_lost .*(another process has taken it over|kept longer)/)
  expect(await bob.text('take-file', { path })).toBe('taken')
})

test('a file in a folder that is not there cannot be locked, and the client is told why', async () => {
  const { url } = await startModule({ module })
  const { result } = await (await openSession(url)).response('take-file', { path: join(newFolder(), 'no/a.json') })
  expect(result).toMatchObject({ isError: true })
  expect(JSON.stringify(result)).toContain('ENOENT')
})

test.each([
  ['name', { ttl: 0 }, 'ttl is a whole number from 1'],
  ['./file', { ttl: 1999 }, 'ttl is a whole number from 2000'],
  [new URL('file:///tmp/a'), { ttl: 1 }, 'lock("/tmp/a"): ttl is a whole number from 2000'],
  ['name', { maxWait: 1.5 }, 'maxWait is a whole number'],
])('lock(%j, %j) is refused: %s', (target, options, words) => {
  expect(() => lock(target, options)).toThrow(words)
})

test('outside of a module it says where to use it', async () => {
  await expect(lock('a').run(() => 1)).rejects.toThrow('lock("a") was used outside of a module')
})
