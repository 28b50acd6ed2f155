/**
 * Two hostile tenants and one good one, with API keys, in both eras: floods, giant and endless bodies, answers nobody reads,
 * tools that hang or end. The good one's calls succeed, in a time near its usual, nothing crosses, and who is refused is told why.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { refusals } from '../../src/base/refusals.ts'
import { keyOf } from '../support/issuer.ts'
import { echoLegacy, mcplexForTest } from '../support/mcplex.ts'
import { inTime } from '../support/eventually.ts'

const bench = join(import.meta.dirname, '..', '..', 'bench')
const timeout = 120_000
/** Both are measured in turns, and the middle one of the ratios counts: other tests may run meanwhile. */
const slices = 5
const sliceMs = { quiet: 1000, hostile: 1500 }
/** Five times what the bench judges: `node bench/run.mjs hostile`. */
const mostTimes = 5 * 1.2

interface Worked {
  readonly p99: number
  readonly failures: readonly string[]
  readonly foreign: readonly string[]
  readonly error?: string
}

interface Answers {
  readonly answers: number
  readonly reasons: Readonly<Record<string, number>>
  readonly untyped: readonly string[]
  readonly foreign: readonly string[]
}

/** A program of the bench; `ask` resolves to its next message. */
function start(program: string): { tell(order: object): void; ask<Answer>(order: object): Promise<Answer> } {
  const child: ChildProcess = fork(join(bench, program), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const tell = (order: object): void => void child.send(order)
  return {
    tell,
    ask: (order) =>
      inTime(
        `an answer of ${program}`,
        new Promise((resolve) => {
          child.once('message', (answer) => resolve(answer as never))
          tell(order)
        }),
      ),
  }
}

test('two hostile tenants harm no other, and are told why they are refused', { timeout }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-hostile-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [good, mallory, trudy] = [keyOf('good', 'ann'), keyOf('mallory', 'eve'), keyOf('trudy', 'eve')]
  const file = join(folder, 'mcplex.yaml')
  const settings = {
    auth: { methods: ['keys'], keys: [good, mallory, trudy].map(({ line }) => line) },
    upstreams: {
      echo: {
        command: [process.execPath, echoLegacy],
        mode: 'tenant',
        callIdle: '1500ms',
        pool: { max: 9, spares: 0 },
      },
    },
    tenants: {
      default: { upstreams: ['*'], maxConnections: 60, maxCalls: 20, rate: '300/min, burst 10' },
      good: { rate: '1000/s' },
      mallory: {},
      trudy: {},
    },
  }
  writeFileSync(file, JSON.stringify(settings))
  const { url } = await mcplexForTest({ file, options: ['--log-level', 'error'] })

  const worker = start('good-clients.mjs')
  const hostile = start('hostile-clients.mjs')
  const work = (ms: number): Promise<Worked> =>
    worker.ask({ url, key: good.key, tenant: 'good', tool: 'slow', args: { ms: 20 }, ms })
  const echo = (ms: number): Promise<Worked> =>
    worker.ask({ url, key: good.key, tenant: 'good', tool: 'echo', args: {}, ms })
  const all: Worked[] = [await work(1000)]
  const ratios: number[] = []
  const refused: Answers[] = []
  for (let slice = 0; slice < slices; slice++) {
    const quiet = await work(sliceMs.quiet)
    hostile.tell({ start: { url, keys: { mallory: mallory.key, trudy: trudy.key } } })
    const beside = await work(sliceMs.hostile)
    all.push(quiet, beside, await echo(300))
    ratios.push(beside.p99 / quiet.p99)
    const answers = await hostile.ask<Readonly<Record<'mallory' | 'trudy', Answers>>>({ stop: true })
    refused.push(answers.mallory, answers.trudy)
  }
  expect(all.flatMap(({ error, failures, foreign }) => error ?? [...failures, ...foreign])).toEqual([])
  expect(refused.flatMap(({ untyped, foreign }) => [...untyped, ...foreign])).toEqual([])
  const reasons = new Set(refused.flatMap((one) => Object.keys(one.reasons)))
  expect([...reasons].filter((reason) => !(reason in refusals))).toEqual([])
  expect([...reasons]).toEqual(expect.arrayContaining(['rate_limited', 'unauthorized', 'request_too_large']))
  expect(ratios.toSorted((a, b) => a - b)[slices >> 1]).toBeLessThan(mostTimes)
})
