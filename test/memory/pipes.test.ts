/** One client at our pipes, in front of a server of its own or of an endpoint, that takes memory in each way it can. */
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type Asked, hostile, json, stream } from '../support/faulty-endpoint.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { type Piped, standalone, startPiped } from '../support/pipes.ts'
import { reasonOf, textOf } from '../support/rpc.ts'
import { askInUse, boundsFor, type InUse, nodeFor, residentOf, watchInUse } from './target.ts'

const mebibyte = 1024 ** 2
const timeout = 90_000
const unruly = join(import.meta.dirname, 'greedy-legacy.mjs')
/** The refusal of a request for which there is no memory. */
const noRoom = ['memory_share_exceeded', 'overloaded']

const options = (memoryMiB: number): readonly string[] => ['--memory', `${memoryMiB}mb`]

/** `serve --transport stdio` with a budget of so many MiB. */
function serve(memoryMiB: number, server: string): Piped {
  const argv = ['serve', '--transport', 'stdio', ...options(memoryMiB), '--', process.execPath, server]
  const piped = startPiped(argv, { MCPLEX_SESSIONS__RETENTION: '1s' }, nodeFor(memoryMiB))
  onTestFinished(() => piped.end())
  return piped
}

/** `connect` with a budget of so many MiB, in front of an endpoint. */
async function bridge(memoryMiB: number, answer: (asked: Asked) => void): Promise<Piped> {
  const { piped } = await hostile(answer, { options: options(memoryMiB), node: nodeFor(memoryMiB) })
  return piped
}

function inUseOf(piped: Piped): Promise<InUse> {
  return askInUse(piped.pid, () =>
    [...piped.stderr().matchAll(/^\{"msg":"heap".*\}$/gm)].map(([line]) => JSON.parse(line) as InUse),
  )
}

/** Waits until the memory of a process no longer grows. */
async function settled(piped: Piped): Promise<void> {
  const { rssBytes } = residentOf(piped.pid)
  let [last, since] = [rssBytes(), Date.now()]
  await eventually('its memory to settle', () => {
    const now = rssBytes()
    if (now > last + mebibyte) [last, since] = [now, Date.now()]
    return Date.now() - since > 1000
  })
}

/** Attacks at a small scale and in earnest; see `expectBounded` for what is expected. The client is served afterwards. */
async function expectPipesBounded(
  piped: Piped,
  memoryMiB: number,
  attack: (scale: number) => Promise<void>,
): Promise<void> {
  const resident = residentOf(piped.pid)
  await attack(0.1)
  watchInUse(piped.pid)
  const { bytes: heapBefore } = await inUseOf(piped)
  const rssAtRest = resident.rssBytes()
  resident.forgetPeak()
  await attack(1)
  const residentBytes = resident.peakBytes() - rssAtRest
  const inUseBytes = (await inUseOf(piped)).mostBytes - heapBefore
  const { inUseMiB, residentMiB } = boundsFor(memoryMiB)
  expect(inUseBytes / mebibyte, 'MiB in use above rest').toBeLessThan(inUseMiB)
  expect(residentBytes / mebibyte, 'MiB resident above rest').toBeLessThan(residentMiB)
  await eventually('a heap as before', async () => (await inUseOf(piped)).bytes < heapBefore * 1.1)
}

/** Waits until so many of these requests are answered, which all wait for something else unless they are refused. */
async function refusals(piped: Piped, ids: readonly number[], atLeast: number): Promise<void> {
  const areAnswered = (): number => ids.filter((id) => piped.messages().some((message) => message.id === id)).length
  await eventually('refusals', () => areAnswered() >= atLeast, timeout)
}

/** Begins calls that stand for themselves. */
function beginCalls(piped: Piped, count: number, tool: string, args: object = {}): number[] {
  const params = { name: tool, arguments: { ...args }, _meta: standalone() }
  return Array.from({ length: Math.ceil(count) }, () => piped.begin('tools/call', params))
}

/** Lets the client read again: each call is answered. Gives what each failed of, undefined for a result. */
async function answersOf(piped: Piped, ids: readonly number[]): Promise<unknown[]> {
  piped.child.stdout?.resume()
  const reasons = (await Promise.all(ids.map((id) => piped.response(id)))).map(reasonOf)
  expect([undefined, ...noRoom]).toEqual(expect.arrayContaining([...new Set(reasons)]))
  piped.forget()
  return reasons
}

const result = (id: number, bytes: number): object => ({
  id,
  result: { resultType: 'complete', content: [{ type: 'text', text: 'x'.repeat(bytes) }] },
})

test('connect: answers that its client does not read', { timeout }, async () => {
  const piped = await bridge(32, ({ id, response }) => json(response, result(id, id > 900 ? 4 : 8 * mebibyte)))
  let told: unknown[] = []
  await expectPipesBounded(piped, 32, async (scale) => {
    piped.child.stdout?.pause()
    const ids = beginCalls(piped, 60 * scale, 'big')
    await settled(piped)
    told = await answersOf(piped, ids)
  })
  expect(told.filter((reason) => reason === undefined).length).toBeGreaterThan(0)
  expect(noRoom).toContain(told.find((reason) => reason !== undefined))
  expect(reasonOf(await piped.request('tools/call', { name: 'x', _meta: standalone() }))).toBeUndefined()
})

test.each([
  ['bodies', { 'Content-Type': 'application/json' }],
  ['events', stream],
])('connect: many %s that never end', { timeout }, async (kind, headers) => {
  const held: ServerResponse[] = []
  const piped = await bridge(32, ({ id, method, response }) => {
    if (method === 'ping' || method === undefined) return json(response, { id, result: {} })
    held.push(response)
    response.on('error', () => {})
    response.writeHead(200, headers)
    response.write(`${kind === 'events' ? 'data: ' : ''}{"x":"${'x'.repeat(6 * mebibyte)}`)
  })
  await expectPipesBounded(piped, 32, async (scale) => {
    const ids = beginCalls(piped, 60 * scale, 'never')
    await refusals(piped, ids, scale < 1 ? 0 : 20)
    await settled(piped)
    const ending = setInterval(() => held.splice(0).forEach((response) => response.destroy()), 50)
    await Promise.all(ids.map((id) => piped.response(id)))
    clearInterval(ending)
    piped.forget()
  })
})

test('connect: requests that are not answered', { timeout }, async () => {
  const held: Asked[] = []
  const piped = await bridge(16, (asked) => void held.push(asked))
  await expectPipesBounded(piped, 16, async (scale) => {
    const ids = beginCalls(piped, 60 * scale, 'x', {
      text: 'x'.repeat(2 * mebibyte),
      list: Array.from({ length: 2000 }, () => ({})),
    })
    await refusals(piped, ids, scale < 1 ? 0 : 20)
    await settled(piped)
    const answering = setInterval(() => held.splice(0).forEach(({ id, response }) => json(response, result(id, 4))), 50)
    await answersOf(piped, ids)
    clearInterval(answering)
  })
})

test('serve --transport stdio: answers that its client does not read', { timeout }, async () => {
  const piped = serve(32, echoLegacy)
  await piped.initialize()
  await expectPipesBounded(piped, 32, async (scale) => {
    piped.child.stdout?.pause()
    const ids = Array.from({ length: Math.ceil(60 * scale) }, () =>
      piped.begin('tools/call', { name: 'big', arguments: { bytes: 3 * mebibyte } }),
    )
    await settled(piped)
    piped.child.stdout?.resume()
    await Promise.all(ids.map((id) => piped.response(id)))
    piped.forget()
  })
  expect(textOf(await piped.call('echo', { text: 'well' }))).toBe('well')
})

test('serve --transport stdio: calls that are not answered', { timeout }, async () => {
  const piped = serve(16, unruly)
  await piped.initialize()
  await expectPipesBounded(piped, 16, async (scale) => {
    const text = 'x'.repeat(2 * mebibyte)
    const ids = Array.from({ length: Math.ceil(60 * scale) }, () =>
      piped.begin('tools/call', { name: 'hang', arguments: { text } }),
    )
    await refusals(piped, ids, scale < 1 ? 0 : 20)
    await settled(piped)
    for (const requestId of ids) piped.send({ method: 'notifications/cancelled', params: { requestId } })
    piped.forget()
  })
  expect(textOf(await piped.call('echo', { text: 'well' }))).toBe('well')
})
