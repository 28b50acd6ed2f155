/** SIGUSR1, upon which node opens its inspector: here it opens nothing, and ends nothing. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runs } from '../children/processes.ts'
import { eventually } from '../support/eventually.ts'
import { echoLegacy, mcplexForTest } from '../support/mcplex.ts'
import { serveStdio, startPiped, type Piped } from '../support/pipes.ts'
import { openSession } from '../support/session.ts'
import { runCommand } from '../support/typed-command.ts'

/** How many ports of IPv4 a process listens on. */
function portsOf(pid: number): number {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).map((name) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${name}`))?.[1]
      } catch {
        return undefined
      }
    }),
  )
  const listens = '0A'
  const rows = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n').slice(1)
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === listens && inodes.has(inode)).length
}

/** Sends it, and waits until it has been heard. */
async function signal(pid: number, log: () => string): Promise<void> {
  process.kill(pid, 'SIGUSR1')
  await eventually('a word of it', () => log().includes('SIGUSR1 ignored'))
  expect(runs(pid)).toBe(true)
  expect(log()).not.toContain('Debugger')
}

test('of a server', async () => {
  const mcplex = await mcplexForTest()
  const before = portsOf(mcplex.pid)
  await signal(mcplex.pid, () => JSON.stringify(mcplex.log))
  expect(portsOf(mcplex.pid)).toBe(before)
  expect(await (await openSession(mcplex.url)).text('echo', { text: 'as ever' })).toBe('as ever')
})

describe('of a command that serves one client', () => {
  async function expectClosed(piped: Piped): Promise<void> {
    onTestFinished(() => piped.end())
    await piped.initialize()
    await signal(piped.pid, () => piped.stderr())
    expect(portsOf(piped.pid)).toBe(0)
    expect(JSON.stringify(await piped.call('echo', { text: 'as ever' }))).toContain('as ever')
  }

  test('itself', async () => {
    await expectClosed(serveStdio([echoLegacy]))
  })

  test('from elsewhere', async () => {
    const mcplex = await mcplexForTest()
    await expectClosed(startPiped(['connect', mcplex.url]))
  })
})

test('at any moment of the start', async () => {
  for (let round = 0; round < 5; round++) {
    // The first word of it is one of its own, so that what acts at once has acted.
    const running = runCommand([
      'serve',
      '--json',
      '--port',
      '0',
      '--log-format',
      'json',
      '--log-level',
      'debug',
      '--',
      process.execPath,
      echoLegacy,
    ])
    onTestFinished(() => void running.child.kill('SIGKILL'))
    await eventually('a first word', () => running.stderr() !== '')
    for (let i = 0; i < 20; i++) {
      running.child.kill('SIGUSR1')
      await new Promise((resolve) => setTimeout(resolve, round))
    }
    expect(await running.ready()).toMatchObject({ event: 'ready' })
    expect(portsOf(running.pid)).toBe(1)
    expect(running.stderr()).not.toContain('Debugger')
    running.child.kill('SIGTERM')
    expect(await running.exit()).toBe(0)
  }
})
