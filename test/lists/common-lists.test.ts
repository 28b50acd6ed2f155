/** Lists that all clients of a kind share: how old they get, what clients are told of that, and for which names they are learnt. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startForTest, startUpstreams } from '../support/in-process.ts'
import { overHttpSse, overStreamableHttp } from '../support/lists-client.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { responseTo } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { ask } from '../support/stateless.ts'

const server = join(import.meta.dirname, '..', 'fixtures', 'own-lists.mjs')

/** A file with names of tools that every process of the server lists, too. */
function namesFile(): { readonly path: string; write(names: readonly string[]): void } {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-lists-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'names')
  const write = (names: readonly string[]): void => writeFileSync(path, names.join('\n'))
  write([])
  return { path, write }
}

describe.each([
  ['over Streamable HTTP', overStreamableHttp],
  ['over HTTP+SSE', overHttpSse],
] as const)('%s', (_name, open) => {
  test('a list past its age is shown once more and fetched again meanwhile; what is new is announced', async () => {
    const names = namesFile()
    const client = await (await open([server, `--also=${names.path}`], { upstream: { listAgeMs: 1500 } }))('ada')
    expect(await client.tools()).not.toContain('new')
    names.write(['new'])
    expect(await client.tools()).not.toContain('new')
    await new Promise((resolve) => setTimeout(resolve, 1600))
    await client.tools()
    await client.changed(0)
    expect(await client.tools()).toContain('new')
  })

  test('beyond sixteen names, a client is listed what its own worker lists after its first call, announced', async () => {
    const openClient = await open([server], { upstream: { pool: 60 } })
    // One of the sixteen workers that answer for lists is that for clients of any name.
    for (let index = 0; index < 15; index++) {
      const client = await openClient(`app-${index}`)
      await eventually('its own list', async () => (await client.tools()).includes(`for_app-${index}`))
    }
    await (await openClient('app-15')).tools()
    const late = await openClient('late')
    expect(await late.tools()).toContain('for_mcplex')
    await late.call('echo')
    await late.changed(0)
    expect(await late.tools()).toContain('for_late')
    expect(await late.tools()).not.toContain('for_mcplex')
  })
})

test('a change that a worker without a client announces is announced to clients without a worker', async () => {
  const names = namesFile()
  const client = await (await overStreamableHttp([server, `--also=${names.path}`, '--announces']))('ada')
  expect(await client.tools()).not.toContain('new')
  names.write(['new'])
  await client.changed(0)
  await eventually('the new list', async () => (await client.tools()).includes('new'))
})

test('stateless clients are told how long their list is still good for, which is less and less', async () => {
  const { url } = await startForTest([server], { upstream: { stateless: 'principal', listAgeMs: 60_000 } })
  const ttl = async (): Promise<number> => {
    const answered = await ask(url, 'tools/list', {}, { id: 1 })
    const { result } = await responseTo(answered, 1)
    return Number(result?.['ttlMs'])
  }
  const first = await ttl()
  expect(first).toBeGreaterThan(30_000)
  expect(first).toBeLessThanOrEqual(60_000)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(await ttl()).toBeLessThan(first)
})

test('clients of one name cost the server one request, and a list that it lists to all is kept and encoded once', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-lists-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const seen = join(folder, 'seen')
  const copied = `tee -a "$0" | exec "$1" "$2"`
  const { url, gateway } = await startUpstreams({
    echo: { command: 'sh', args: ['-c', copied, seen, process.execPath, echoLegacy], pool: 30 },
  })
  const requests = (): number => readFileSync(seen, 'utf8').split('"tools/list"').length - 1
  const heldBytes = async (): Promise<number> => (await gateway.health()).memory?.heldBytes ?? Number.NaN
  const list = async (client: string): Promise<string> =>
    JSON.stringify((await (await openSession(url, { client })).request('tools/list')).result)
  const { length } = await list('eve')
  const costs: number[] = []
  for (const client of ['ada', 'ada', 'ada', 'bob', 'bob', 'bob']) {
    const session = await openSession(url, { client })
    const before = await heldBytes()
    await session.request('tools/list')
    costs.push((await heldBytes()) - before)
  }
  // One for clients of any name, and one for each name.
  await eventually('the lists of all names', () => requests() === 4)
  expect(Math.max(...costs)).toBeLessThan(length)
})
