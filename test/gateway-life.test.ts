/** A gateway that is started and closed in any order: no process is left, and `start` tells the result. */
import { expect, onTestFinished, test } from 'vitest'
import { createGateway, type Gateway, UpstreamStartError } from '../src/index.ts'
import { environmentOf, gatewayOf, markedBy, reapersOf, runs, until } from './children/processes.ts'
import { inTime } from './support/eventually.ts'
import { echoLegacy } from './support/mcplex.ts'

interface Watched {
  readonly gateway: Gateway
  readonly started: number[]
  /** Waits until no process of its servers and no reaper is left. */
  nothingLeft(): Promise<void>
}

/** A gateway in front of `node` with these arguments, or of another command. */
function watched(args: readonly string[], command: string = process.execPath, startTimeoutMs = 20_000): Watched {
  const gateway = createGateway({ upstream: { command, args, startTimeoutMs } })
  const started: number[] = []
  let mark: string | undefined
  gateway.events.on('workerStarted', ({ pid }) => {
    started.push(pid)
    mark ??= environmentOf(pid).some((name) => name.startsWith('MCPLEX_WORKER=')) ? gatewayOf(pid) : undefined
  })
  onTestFinished(() => {
    for (const pid of started) if (runs(pid)) process.kill(-pid, 'SIGKILL')
  })
  return {
    gateway,
    started,
    async nothingLeft() {
      expect(started.filter(runs)).toEqual([])
      const gone = mark
      if (gone === undefined) return
      expect(markedBy(gone)).toEqual([])
      await until('the reaper is gone', () => reapersOf(gone).length === 0)
    },
  }
}

/** What `start` rejects with. */
async function failure(start: Promise<unknown>): Promise<UpstreamStartError> {
  const error = await start.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof UpstreamStartError)) throw new Error(`not as expected: ${String(error)}`)
  return error
}

const closedMeanwhile = 'the gateway was closed before its server had started'
/** A server that never says a word, and starts something in a session of its own. */
const silent = ['-c', 'setsid sleep 60 & exec sleep 60']

test.each([0, 10, 50, 400, 3500])('close() %d ms after start() leaves no process', async (ms) => {
  const { gateway, started, nothingLeft } = watched(silent, '/bin/sh')
  const starting = failure(gateway.start())
  await new Promise((resolve) => setTimeout(resolve, ms))
  await inTime('it to be closed', gateway.close())
  expect((await inTime('the start to fail', starting)).message).toBe(closedMeanwhile)
  expect(started.length).toBe(1)
  await nothingLeft()
})

test.each([20, 40, 60, 80])('close() %d ms after start(), while the server is asked, leaves no process', async (ms) => {
  const { gateway, nothingLeft } = watched([echoLegacy])
  const starting = gateway.start().catch((error: unknown) => error)
  await new Promise((resolve) => setTimeout(resolve, ms))
  await gateway.close()
  // It may have been through in that very moment.
  const facts = await inTime('the start to end', starting)
  expect(facts instanceof UpstreamStartError ? facts.message : closedMeanwhile).toBe(closedMeanwhile)
  await nothingLeft()
})

test('close() before start(): no process is ever started, and start() rejects with the reason', async () => {
  const { gateway, started } = watched([echoLegacy])
  await gateway.close()
  expect((await failure(gateway.start())).message).toBe(closedMeanwhile)
  expect(started).toEqual([])
})

test('start() twice starts one server, and gives the same twice', async () => {
  const { gateway, started, nothingLeft } = watched([echoLegacy])
  const [facts, again] = await Promise.all([gateway.start(), gateway.start()])
  expect(again).toBe(facts)
  expect(await gateway.start()).toBe(facts)
  // One that lists are asked of, and two spares.
  expect(started).toHaveLength(3)
  await Promise.all([gateway.close(), gateway.close()])
  await nothingLeft()
})

test('a failed start leaves no process, although the gateway is not closed', async () => {
  // It ends neither with its input nor by SIGTERM, and what it starts does not, either.
  const script = `trap '' TERM; setsid sleep 60 & while :; do sleep 60; done`
  const { gateway, started, nothingLeft } = watched(['-c', script], '/bin/sh', 500)
  const error = await inTime('the start to fail', failure(gateway.start()))
  expect(error).toMatchObject({ late: true, command: expect.stringContaining('setsid') })
  await until('its processes are gone', () => !started.some(runs))
  expect((await failure(gateway.start())).message).toBe(error.message)
  await gateway.close()
  await nothingLeft()
})

test('close() with force ends all processes at once, also when a polite end has begun', async () => {
  const server = [echoLegacy, '--ignore-sigterm', '--ignore-eof']
  const { gateway, started, nothingLeft } = watched(server)
  await gateway.start()
  const politely = gateway.close()
  expect(started.every(runs)).toBe(true)
  const sinceMs = performance.now()
  await gateway.close({ force: true })
  await politely
  // SIGKILL would have come after 5 s.
  expect(performance.now() - sinceMs).toBeLessThan(4000)
  await nothingLeft()
})
