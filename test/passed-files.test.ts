/** `<(...)` of bash as the name of a file: what it prints can be read by mcplex, and by each process of the server. */
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import { childrenOf } from './children/processes.ts'
import { selfSigned } from './fixtures/tls/self-signed.mjs'
import { eventually } from './support/eventually.ts'
import { openSession } from './support/session.ts'

const root = join(import.meta.dirname, '..')
const main = `${process.execPath} ${join(root, 'dist', 'cli', 'main.js')}`
const server = `${process.execPath} ${join(root, 'test', 'fixtures', 'echo-legacy.mjs')}`

let folder: string
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'mcplex-passed-'))))
afterEach(() => rmSync(folder, { recursive: true, force: true }))

interface Typed {
  readonly pid: number
  output(): string
  ready(): Promise<Record<string, unknown>>
  kill(signal: NodeJS.Signals): void
  readonly exited: Promise<number | null>
}

/** Types a line into bash, which becomes the command. */
function bash(line: string): Typed {
  const { PATH = '', HOME = '' } = process.env
  const child = spawn('bash', ['-c', `exec ${line}`], { env: { PATH, HOME }, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  const exited = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  return {
    pid: child.pid ?? 0,
    output: () => output,
    async ready() {
      const said = await eventually(`the ready line: ${output}`, () => /^\{"event":"ready".*\}$/m.exec(output)?.[0])
      return JSON.parse(said) as Record<string, unknown>
    },
    kill: (signal) => void child.kill(signal),
    exited,
  }
}

test('as an argument of the server: each of its processes reads it whole, and nothing else is handed down', async () => {
  const seen = join(folder, 'seen')
  const script = `cat "$1" "\${2#--more=}" >> ${seen}; exec ${server}`
  const typed = bash(
    `${main} serve --port 0 --json -- sh -c '${script}' sh <(echo first; sleep 0.3; echo last) --more=<(echo more)`,
  )
  const { endpoint } = await typed.ready()
  const sessions = await Promise.all([openSession(String(endpoint)), openSession(String(endpoint))])
  const pids = new Set(await Promise.all(sessions.map(async (session) => (await session.whoami()).pid)))
  expect(pids.size).toBe(2)
  const text = readFileSync(seen, 'utf8')
  expect(text.replaceAll('first\nlast\nmore\n', '')).toBe('')
  expect(text.length).toBeGreaterThan('first\nlast\nmore\n'.length)
  for (const pid of childrenOf(typed.pid, 'echo-legacy')) {
    const held = readdirSync(`/proc/${pid}/fd`).map((name) => readlinkSync(`/proc/${pid}/fd/${name}`))
    expect(held.filter((path) => path.includes('mcplex-'))).toEqual([])
  }
})

test('as a file of mcplex itself: a certificate and its key', async () => {
  const { cert, key } = selfSigned()
  writeFileSync(join(folder, 'cert.pem'), cert)
  writeFileSync(join(folder, 'key.pem'), key)
  const files = `--tls-cert <(cat ${folder}/cert.pem) --tls-key=<(cat ${folder}/key.pem)`
  const typed = bash(`${main} serve --port 0 --json ${files} -- ${server}`)
  expect((await typed.ready())['endpoint']).toMatch(/^https:/)
})

test('one that can only be written to, or is larger than memory should hold, is refused with the way out', async () => {
  const written = bash(`${main} serve --port 0 --log-format pretty -- ${server} >(cat)`)
  expect(await written.exited).toBe(2)
  expect(written.output()).toMatch(/usage {3}\/dev\/fd\/\d+ cannot be read/)
  const large = bash(`${main} serve --port 0 --log-format pretty -- ${server} <(head -c 100000000 /dev/zero)`)
  expect(await large.exited).toBe(2)
  expect(large.output()).toContain('more than 67108864 bytes')
})

test('a file descriptor that was not passed on is an ordinary argument, even if Node itself has it open', async () => {
  for (const descriptor of [3, 5, 7, 9, 11, 13, 15, 17, 63]) {
    const word = `/dev/fd/${descriptor}`
    const typed = bash(`${main} serve --port 0 --json -- sh -c 'echo "$1" > ${folder}/word; exec ${server}' sh ${word}`)
    await typed.ready()
    expect(readFileSync(join(folder, 'word'), 'utf8')).toBe(`${word}\n`)
    typed.kill('SIGTERM')
    expect(await typed.exited).toBe(0)
  }
})

test('while it is waited for, a signal ends the command', async () => {
  const typed = bash(`${main} serve --port 0 -- ${server} <(exec sleep 5 2> /dev/null)`)
  await eventually('node to run', () => readFileSync(`/proc/${typed.pid}/cmdline`, 'utf8').includes('main.js'))
  typed.kill('SIGTERM')
  await typed.exited
})
