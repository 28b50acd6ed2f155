/** A program that cannot be started any more: it costs no CPU, every call is refused, and service resumes by itself. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { cpuMs } from '../children/processes.ts'
import { eventually } from '../support/eventually.ts'
import { echoLegacy, type Mcplex, mcplexForTest } from '../support/mcplex.ts'
import { reasonOf } from '../support/rpc.ts'
import { openSession, type Session } from '../support/session.ts'

const hostile = join(import.meta.dirname, 'hostile-server.mjs')

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mcplex-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  return folder
}

/** A program of its own that runs what it is given, and that can be taken away. */
async function wrapper(): Promise<{ readonly path: string; put(): Promise<void> }> {
  const path = join(await temporaryFolder(), 'server')
  const put = async (): Promise<void> => {
    await writeFile(path, `#!/bin/sh\nexec '${process.execPath}' "$@"\n`)
    await chmod(path, 0o755)
  }
  await put()
  return { path, put }
}

interface Health {
  readonly httpStatus: number
  readonly status: string
  readonly checks: { readonly upstream: { readonly ok: boolean; readonly detail?: string } }
}

async function health(mcplex: Mcplex): Promise<Health> {
  const response = await fetch(`${mcplex.origin}/health`)
  return { ...((await response.json()) as Health), httpStatus: response.status }
}

/** The share of one core that mcplex takes from here on, for so long. */
async function share(mcplex: Mcplex, ms: number): Promise<number> {
  const [cpu, time] = [cpuMs(mcplex.pid), performance.now()]
  await new Promise((resolve) => setTimeout(resolve, ms))
  return (cpuMs(mcplex.pid) - cpu) / (performance.now() - time)
}

test.each([
  { what: 'removed', take: (path: string) => rm(path), word: 'ENOENT' },
  { what: 'not executable any more', take: (path: string) => chmod(path, 0o644), word: 'EACCES' },
])('a program that is $what under load', { timeout: 60_000 }, async ({ take, word }) => {
  const { path, put } = await wrapper()
  const mcplex = await mcplexForTest({ program: path, options: ['--log-level', 'warn'] })
  const served = await openSession(mcplex.url)
  const { nonce } = await served.whoami()
  const crashing = await openSession(mcplex.url)
  await crashing.whoami()
  const idle = await Promise.all(Array.from({ length: 100 }, () => openSession(mcplex.url)))
  await take(path)
  expect(reasonOf(await crashing.response('crash'))).toBe('upstream_closed')
  // The first of them take what was started ahead; all of them make it be started again.
  const answers = Promise.all(idle.slice(0, 40).map((session) => session.response('whoami')))
  expect(await share(mcplex, 3000)).toBeLessThan(0.5)
  expect((await answers).filter((answer) => reasonOf(answer) === 'upstream_unavailable').length).toBeGreaterThan(30)
  const down = await eventually('the health report', async () => {
    const report = await health(mcplex)
    return report.httpStatus === 503 && report
  })
  expect(down).toMatchObject({ status: 'down', checks: { upstream: { ok: false } } })
  expect(down.checks.upstream.detail).toContain(word)
  expect(JSON.stringify(down), 'nothing that an operator would not show').not.toContain(path)
  expect((await served.whoami()).nonce, 'who has a process keeps it').toBe(nonce)
  const last = idle.at(-1) as Session
  await eventually('calls to be refused at once', async () => {
    const startedMs = performance.now()
    expect(reasonOf(await last.response('whoami'))).toBe('upstream_unavailable')
    return performance.now() - startedMs < 200
  })
  await put()
  await eventually('it to be well again', async () => (await health(mcplex)).httpStatus === 200)
  expect((await last.whoami()).calls).toBe(1)
  expect(reasonOf(await crashing.response('whoami'))).toBeUndefined()
  const stopped = performance.now()
  expect(await mcplex.end()).toMatchObject({ code: 0 })
  expect(performance.now() - stopped).toBeLessThan(10_000)
})

test('when no more files can be opened, sessions with a process go on, others get an error, and later all are served', async () => {
  const mcplex = await mcplexForTest({ files: 180, options: ['--log-level', 'warn', '--pool', '100'] })
  const sessions: Session[] = []
  const reasons: unknown[] = []
  while (reasons.at(-1) === undefined && sessions.length < 60) {
    const session = await openSession(mcplex.url)
    sessions.push(session)
    reasons.push(reasonOf(await session.response('whoami')))
  }
  expect(reasons.at(-1), `after ${sessions.length} sessions`).toBe('upstream_unavailable')
  const refused = sessions.pop() as Session
  expect(await share(mcplex, 2000)).toBeLessThan(0.5)
  expect((await health(mcplex)).checks.upstream).toMatchObject({
    ok: false,
    detail: expect.stringMatching(/EMFILE|EAGAIN/),
  })
  expect(await sessions[0]?.text('echo', { text: 'here' })).toBe('here')
  for (const session of sessions.splice(0, 4)) await session.end()
  await eventually('it to be well again', async () => (await health(mcplex)).httpStatus === 200)
  expect((await refused.whoami()).calls).toBe(1)
  expect(await mcplex.end()).toMatchObject({ code: 0 })
})

test('a program that ends when it is not spoken to is started ahead ever more rarely, and calls are served', async () => {
  const starts = join(await temporaryFolder(), 'starts')
  const server = [hostile, `--starts=${starts}`, '--impatient=300']
  const mcplex = await mcplexForTest({ server, options: ['--log-level', 'error'] })
  const session = await openSession(mcplex.url)
  await new Promise((resolve) => setTimeout(resolve, 5000))
  const { length } = (await readFile(starts, 'utf8')).trim().split('\n')
  expect(length).toBeLessThan(16)
  expect((await health(mcplex)).httpStatus).toBe(200)
  expect(await session.text('pid')).toMatch(/^\d+$/)
})

test('the end of an idle program is noticed before the next call', async () => {
  const { path, put } = await wrapper()
  const mcplex = await mcplexForTest({ program: path, options: ['--log-level', 'error'] })
  await rm(path)
  for (const pid of mcplex.servers()) process.kill(pid, 'SIGKILL')
  await eventually('it to be found out', async () => (await health(mcplex)).checks.upstream.detail?.includes('ENOENT'))
  await put()
  await eventually('it to be well again', async () => (await health(mcplex)).httpStatus === 200)
  expect((await (await openSession(mcplex.url)).whoami()).calls).toBe(1)
  expect(mcplex.servers().length, echoLegacy).toBeGreaterThan(0)
})
