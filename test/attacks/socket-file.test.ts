/** Many servers at the path of one Unix socket: a single one gets it, and none takes what is another's. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { silentLog } from '../../src/base/log.ts'
import { listen, type HttpListener } from '../../src/transports/http/listen.ts'
import { eventually, inTime } from '../support/eventually.ts'
import { createFakeGateway, httpSettings } from '../support/fake-gateway.ts'
import { fixture, runCommand } from '../support/typed-command.ts'

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'mcplex-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

const open = (socket: string): Promise<HttpListener> =>
  listen(createFakeGateway(), { ...httpSettings, socket }, silentLog)

async function end(listener: HttpListener): Promise<void> {
  listener.cut()
  await listener.close()
}

interface Starter {
  readonly child: ChildProcess
  /** `ready`, or the code of the error. */
  said(): string
  readonly ended: Promise<unknown>
}

/** A process that listens at the path from that moment on. */
function starter(socket: string, moment = 0): Starter {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'listen-on-socket.mjs'), socket, String(moment)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  const ended = new Promise((resolve) => child.once('close', resolve))
  return { child, said: () => text.trim(), ended }
}

/** Starts so many at one moment, and waits until each has said what became of it. */
async function startAtOnce(socket: string, count: number): Promise<Starter[]> {
  // By then all of them have loaded what they need.
  const moment = Date.now() + 1500
  const all = Array.from({ length: count }, () => starter(socket, moment))
  await eventually('a word of each', () => all.every(({ said }) => said() !== ''), 60_000)
  return all
}

/** Leaves a file as that of a server that has died. */
async function leaveDead(socket: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(`${socket}-dies`, resolve))
  // Its end removes the name that it was given.
  renameSync(`${socket}-dies`, socket)
  await new Promise((resolve) => void server.close(resolve))
  expect(existsSync(socket)).toBe(true)
}

/** Who answers at the path. */
function pidAt(socketPath: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { Host: 'localhost', 'Content-Type': 'application/json' }
    const asked = request({ socketPath, path: '/mcp', method: 'POST', headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve(Number(text)))
    })
    asked.once('error', reject).end('{}')
  })
}

describe('many that start at once', () => {
  test.each(['nothing is there', 'a dead server has left its file'])('in one process, where %s', async (what) => {
    const at = folder()
    const socket = join(at, 's')
    for (let round = 0; round < 30; round++) {
      if (what !== 'nothing is there') await leaveDead(socket)
      const all = await Promise.allSettled(Array.from({ length: 12 }, () => open(socket)))
      const good = all.filter((one) => one.status === 'fulfilled')
      const codes = all.flatMap((one) => (one.status === 'rejected' ? [(one.reason as { code: unknown }).code] : []))
      expect(good, `round ${round}`).toHaveLength(1)
      expect(new Set(codes)).toEqual(new Set(['EADDRINUSE']))
      expect(readdirSync(at)).toEqual(['s'])
      for (const { value } of good) await end(value)
      expect(readdirSync(at)).toEqual([])
    }
  })

  test('each in a process of its own, where a dead server has left its file', async () => {
    const at = folder()
    const socket = join(at, 's')
    await leaveDead(socket)
    for (let round = 0; round < 4; round++) {
      const all = await startAtOnce(socket, 8)
      const [ready, ...more] = all.filter(({ said }) => said() === 'ready')
      expect(more, `round ${round}: ${all.map(({ said }) => said()).join()}`).toEqual([])
      expect(await pidAt(socket)).toBe(ready?.child.pid)
      expect(readdirSync(at)).toEqual(['s'])
      // The next ones find it dead.
      ready?.child.kill('SIGKILL')
      await Promise.all(all.map(({ ended }) => ended))
    }
  })

  test('of whom some are killed in the middle of it', async () => {
    const at = folder()
    const socket = join(at, 's')
    for (let round = 0; round < 5; round++) {
      const moment = Date.now() + 700
      const all = Array.from({ length: 6 }, () => starter(socket, moment))
      await new Promise((resolve) => setTimeout(resolve, 700 + round * 3))
      for (const { child } of all) child.kill('SIGKILL')
      await Promise.all(all.map(({ ended }) => ended))
    }
    const last = await open(socket)
    expect(readdirSync(at)).toEqual(['s'])
    await end(last)
    expect(readdirSync(at)).toEqual([])
  })
})

test('one that ends leaves the file of its successor alone', async () => {
  const socket = join(folder(), 's')
  const first = await open(socket)
  // An operator who takes the file away makes way for another.
  unlinkSync(socket)
  const second = starter(socket)
  await eventually('a successor', () => second.said() === 'ready', 60_000)
  await end(first)
  expect(await pidAt(socket)).toBe(second.child.pid)
  second.child.kill('SIGTERM')
  await inTime('its end', second.ended)
  expect(existsSync(socket)).toBe(false)
})

test('one that ends leaves the file of another program alone', async () => {
  const socket = join(folder(), 's')
  const first = await open(socket)
  unlinkSync(socket)
  const other = createServer()
  await new Promise<void>((resolve) => void other.listen(socket, resolve))
  onTestFinished(() => void other.close())
  await end(first)
  expect(existsSync(socket)).toBe(true)
})

test('a path that is longer than the system takes is refused, and not cut off', async () => {
  const at = folder()
  await expect(open(join(at, 'x'.repeat(100)))).rejects.toMatchObject({ code: 'ENAMETOOLONG' })
  expect(readdirSync(at)).toEqual([])
})

test('of two commands at one socket one serves, and the other says why it does not', async () => {
  const socket = join(folder(), 's')
  await leaveDead(socket)
  const args = ['serve', '--json', '--socket', socket, '--', ...fixture('echo-legacy.mjs')]
  const both = [runCommand(args), runCommand(args)]
  onTestFinished(() => void both.map(({ child }) => child.kill('SIGKILL')))
  const events = await Promise.all(both.map((one) => one.ready()))
  expect(events.map(({ event }) => event).toSorted()).toEqual(['failed', 'ready'])
  const loser = both[events.findIndex(({ event }) => event === 'failed')]
  expect(await loser?.exit()).toBe(1)
  expect(loser?.stderr()).toContain('listen_failed')
  const winner = both[events.findIndex(({ event }) => event === 'ready')]
  winner?.child.kill('SIGTERM')
  expect(await winner?.exit()).toBe(0)
  expect(existsSync(socket)).toBe(false)
})
