/**
 * Every client before every server over every transport: what each feature comes to, checked cell by cell. What was
 * found is `docs/compatibility.md`, which is printed from the results and must say the same.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { type Cell, compatibilityDocument } from './document.ts'
import { features } from './features/all.ts'
import type { Lane } from './features/feature.ts'
import { createInstances } from './instances.ts'
import { lanesOf } from './lanes.ts'

/** Far above what a client needs for all features: five of them share a slow machine with other tests. */
const mostMs = 300_000

const root = join(import.meta.dirname, '..', '..')
const results = join(root, 'out', 'compatibility')
const found: Cell[] = []
const instances = createInstances()
const lanes = lanesOf(instances)

afterAll(async () => {
  for (const { code, log } of await instances.end()) expect([code, log]).toEqual([0, []])
})

/** What comes of every feature where clients are turned away, and what they are told. */
const noWays = {
  transport: { verdict: '-: this transport is for clients with sessions', told: /on this transport.*initialize/i },
  server: {
    verdict: 'refused: clients without a session would share a process here; they are told to open one',
    told: /connect with initialize.*--stateless/i,
  },
} as const

/** What came of each feature. */
async function tryAll(lane: Lane): Promise<Map<string, string>> {
  const given = new Map<string, string>()
  const testClient = await lane.connect()
  try {
    for (const { name, check } of features) {
      given.set(name, await check(testClient, lane).catch((error: unknown) => `FAILED: ${String(error)}`))
    }
  } finally {
    await testClient.close()
  }
  return given
}

/** The verdict of every feature where a client cannot even connect, and is told why. */
async function tryNone(
  lane: Lane,
  { verdict: noWay, told }: (typeof noWays)['server' | 'transport'],
): Promise<Map<string, string>> {
  const refusal = await lane.connect().then(
    async (testClient) => testClient.close().then(() => 'arrived'),
    (error: unknown) => String(error),
  )
  const verdict = told.test(refusal) ? noWay : `FAILED: ${refusal}`
  return new Map(features.map(({ name }) => [name, verdict]))
}

test.concurrent.each(lanes)(
  '$client before a server that speaks $server, over $transport',
  async (lane) => {
    const { client, server, transport } = lane
    const noWay = lane.closed && noWays[lane.closed]
    const given = noWay ? await tryNone(lane, noWay) : await tryAll(lane)
    const wanted = new Map<string, string>(
      features.map(({ name, expected }) => [name, noWay?.verdict ?? expected(lane)]),
    )
    for (const { section, name } of features) {
      const [verdict, wants] = [given.get(name) ?? '', wanted.get(name) ?? '']
      found.push({ section, name, client, server, transport, verdict, wanted: wants })
    }
    expect(Object.fromEntries(given)).toEqual(Object.fromEntries(wanted))
  },
  mostMs,
)

test('docs/compatibility.md says what was found', async () => {
  expect(found).toHaveLength(lanes.length * features.length)
  const document = await compatibilityDocument(found)
  mkdirSync(results, { recursive: true })
  writeFileSync(join(results, 'results.json'), JSON.stringify(found, undefined, 1))
  writeFileSync(join(results, 'compatibility.md'), document)
  const said = readFileSync(join(root, 'docs', 'compatibility.md'), 'utf8')
  expect(said === document, 'it is stale: npm run docs prints it anew from the results of this run').toBe(true)
})
