/**
 * Clients come and go for a while, most of them without a goodbye; afterwards nothing of them is left. `npm run soak`
 * runs it alone for half an hour and prints its figures into docs/soak.md; in the tests it takes less than a minute.
 */
import { readdirSync, writeFileSync } from 'node:fs'
import { arch, cpus } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { allChildrenOf, runs } from '../children/processes.ts'
import { startTarget, type Target } from '../memory/target.ts'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { randomFrom } from '../support/random.ts'
import { lives } from './client-behaviour.ts'

const minutes = Number(process.env['SOAK_MINUTES'] ?? 0.4)
const document = join(import.meta.dirname, '..', '..', 'docs', 'soak.md')
const mebibyte = 1024 ** 2
const atOnce = 4
/** What is loaded and compiled once is there by then. */
const warmUpMs = Math.min(120_000, minutes * 60_000 * 0.3)
/** Sessions whose clients vanished are over by then. */
const restMs = 60_000

/** What is left at rest. */
interface Rest {
  readonly heapMiB: number
  readonly rssMiB: number
  readonly descriptors: number
  readonly children: number
  readonly heldBytes: number
  readonly sessions: number
  readonly lived: number
}

test('clients that come and go leave nothing behind', { timeout: minutes * 60_000 + 5 * 60_000 }, async () => {
  const target = await startTarget(64, {
    server: [echoLegacy],
    options: ['--idle-timeout', '2s', '--pool', '16', '--max-connections', '200'],
    env: { MCPLEX_SESSIONS__RETENTION: '2s', MCPLEX_SESSIONS__HANDSHAKE_TIMEOUT: '2s' },
  })
  const random = randomFrom(7)
  let lived = 0
  const faults: string[] = []
  const churn = async (ms: number): Promise<void> => {
    const endMs = Date.now() + ms
    const one = async (): Promise<void> => {
      while (Date.now() < endMs) {
        const life = lives[Math.floor(random() * lives.length)]
        await life?.(target.url, `client-${++lived}`).catch((error: unknown) => faults.push(String(error)))
      }
    }
    await Promise.all(Array.from({ length: atOnce }, one))
  }

  await churn(warmUpMs)
  const rests = [await rest(target, lived)]
  const rounds = minutes >= 5 ? 5 : 1
  for (let round = 0; round < rounds; round++) {
    await churn((minutes * 60_000 - warmUpMs) / rounds)
    rests.push(await rest(target, lived))
  }
  if (process.env['SOAK_MINUTES'] !== undefined) writeFileSync(document, documentOf(rests))

  const [before, after] = [rests[0], rests.at(-1)]
  expect(faults).toEqual([])
  expect(target.log.filter(({ msg }) => msg === 'internal fault')).toEqual([])
  expect(after?.lived).toBeGreaterThan((before?.lived ?? 0) + 10)
  expect(after).toMatchObject({ sessions: 0, heldBytes: before?.heldBytes })
  // On a slow machine one that ends may still be there at the first look.
  expect(after?.children).toBeLessThanOrEqual(before?.children ?? 0)
  expect(after?.descriptors).toBeLessThanOrEqual((before?.descriptors ?? 0) + 2)
  expect(after?.heapMiB).toBeLessThan((before?.heapMiB ?? 0) * 1.1)
})

/** Waits until nothing is going on, and looks at what is there. */
async function rest(target: Target, lived: number): Promise<Rest> {
  const children = (): number => allChildrenOf(target.pid).filter(runs).length
  await eventually(
    'nothing going on',
    async () => {
      const { sessions, calls, streams, clients } = await counts(target)
      return sessions === 0 && calls === 0 && streams === 0 && clients === 0
    },
    restMs,
  )
  let settledAt = 0
  let last = ''
  await eventually(
    'the processes and connections of vanished clients to be gone',
    async () => {
      const now = `${children()} ${readdirSync(`/proc/${target.pid}/fd`).length} ${await target.heldBytes()}`
      if (now !== last) [last, settledAt] = [now, Date.now()]
      return Date.now() - settledAt > 5000
    },
    restMs,
  )
  return {
    heapMiB: Math.round(((await target.heapBytes()) / mebibyte) * 10) / 10,
    rssMiB: Math.round(target.rssBytes() / mebibyte),
    descriptors: readdirSync(`/proc/${target.pid}/fd`).length,
    children: children(),
    heldBytes: await target.heldBytes(),
    sessions: (await counts(target))['sessions'] ?? 0,
    lived,
  }
}

function documentOf(rests: readonly Rest[]): string {
  const rows = rests.map(
    (one) =>
      `| ${one.lived} | ${one.heapMiB} | ${one.rssMiB} | ${one.descriptors} | ${one.children} | ${one.heldBytes} | ${one.sessions} |`,
  )
  return `# Soak

<!-- Printed by \`npm run soak\`. -->

${minutes} minutes of clients that come and go, ${atOnce} at once: sessions that end in order, vanish, lose their connection in mid-call, resume, stay
in their handshake; HTTP+SSE; discovery. Each checks that what it gets is its own. The figures are taken at rest, when the last session has
ended, the first row after warming up. Node ${process.versions.node}, ${arch()}, ${cpus().length} cores.

| clients so far | heap after a collection, MiB | resident, MiB | descriptors | children | bytes in the budget | sessions |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${rows.join('\n')}
`
}
