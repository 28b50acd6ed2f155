/** What a client is refused, and the line of the log about it, have the same id; neither has anything of the inside. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askAt, type RuntimeFolder, runtimeFolder } from '../support/door.ts'
import { eventually } from '../support/eventually.ts'
import { echoLegacy, type LogLine, type Mcplex, mcplexForTest, startMcplex } from '../support/mcplex.ts'
import { openSession, type Session } from '../support/session.ts'

let place: RuntimeFolder
let mcplex: Mcplex
let session: Session

beforeAll(async () => {
  place = runtimeFolder()
  mcplex = await startMcplex({ env: place.env })
  session = await openSession(mcplex.url)
})

afterAll(async () => {
  await mcplex?.end()
  place.remove()
})

const lineOf = (requestId: unknown): Promise<LogLine> =>
  eventually(`the line of ${String(requestId)}`, () => mcplex.log.find((line) => line['req_id'] === requestId))

test('a call that is refused', async () => {
  const post = (verb: string): ReturnType<typeof askAt> =>
    askAt(place.placesOf(mcplex.pid).socket, `/api/v1/upstreams/server/${verb}`, { method: 'POST' })
  await post('disable')
  const refused = await Promise.all([session.response('echo', { text: 'a' }), session.response('echo', { text: 'b' })])
  await post('enable')
  const ids = refused.map(({ error }) => error?.data?.['requestId'])
  expect(new Set(ids).size).toBe(2)
  for (const { error } of refused) {
    expect(error?.data).toEqual({
      reason: 'upstream_disabled',
      requestId: expect.any(String) as string,
      ...waitOf(error?.data),
    })
    const line = await lineOf(error?.data?.['requestId'])
    expect(line).toMatchObject({ msg: 'call failed', tool: 'echo', status: 'upstream_disabled' })
  }
  const told = JSON.stringify(refused)
  expect(told).not.toContain(process.execPath)
  expect(told).not.toContain('.mjs')
})

/** How long to wait, if the refusal says so. */
function waitOf(data: Readonly<Record<string, unknown>> | undefined): object {
  const { retryAfterMs } = data ?? {}
  return retryAfterMs === undefined ? {} : { retryAfterMs }
}

test('the first call for a server that could not be started', async () => {
  const file = join(place.folder, '..', 'mcplex.json')
  const upstreams = { own: { command: [process.execPath, echoLegacy] }, dead: { command: ['/bin/false'] } }
  writeFileSync(file, JSON.stringify({ upstreams }))
  const own = await mcplexForTest({ env: place.env, file })
  const other = await openSession(own.url)
  const { error } = await other.response('dead__echo', { text: 'a' })
  expect(error?.data).toMatchObject({ reason: 'upstream_unavailable', requestId: expect.any(String) as string })
  const isIt = (line: LogLine): boolean => line['req_id'] === error?.data?.['requestId']
  const line = await eventually('its line', () => own.log.find(isIt))
  expect(line).toMatchObject({ msg: 'call failed', upstream: 'dead', status: 'upstream_unavailable' })
})

test('a request that is refused before there is a call', async () => {
  const gone = await session.post({ id: 9, method: 'tools/list' }, { headers: { 'Mcp-Session-Id': 'unknown' } })
  const { error } = JSON.parse(await gone.whole()) as { error: { data: Readonly<Record<string, unknown>> } }
  expect(await lineOf(error.data['requestId'])).toMatchObject({ msg: 'refused', code: error.data['reason'] })
})

test('a request that is refused before its body is read', async () => {
  const refused = await session.post({ id: 10, method: 'tools/list' }, { headers: { Host: 'evil.example' } })
  const [, id] = /^id: (\S+)$/m.exec(await refused.whole()) ?? []
  expect(await lineOf(id)).toMatchObject({ msg: 'refused', code: 'forbidden_host' })
})

test('a call that goes well has one in the log alone', async () => {
  await session.text('echo', { text: 'hello' })
  const line = await eventually('the line of the call', () => mcplex.log.find(({ msg }) => msg === 'call'))
  expect(line['req_id']).toMatch(/^[\w-]{8}$/)
})
