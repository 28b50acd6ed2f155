/** /metrics tells the truth: after calls, refusals and sessions that have ended, and while calls run and wait. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askAt, type RuntimeFolder, runtimeFolder } from '../support/door.ts'
import { eventually } from '../support/eventually.ts'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { openSession } from '../support/session.ts'

let place: RuntimeFolder
let mcplex: Mcplex

beforeAll(async () => {
  place = runtimeFolder()
  mcplex = await startMcplex({ env: place.env, options: ['--pool', '1', '--admin', '127.0.0.1:0'] })
})

afterAll(async () => {
  await mcplex?.end()
  place.remove()
})

/** The values by name and labels. */
async function figures(): Promise<ReadonlyMap<string, number>> {
  const { text } = await askAt(place.placesOf(mcplex.pid).socket, '/metrics')
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

test('calls, their outcomes, sessions and workers are what they were', async () => {
  const session = await openSession(mcplex.url, { client: 'metrics-tester' })
  for (let count = 0; count < 3; count++) await session.text('echo', { text: 'x' })
  await session.request('resources/read', { uri: 'no://such' })
  const call = 'upstream="server",method="tools/call"'
  const now = await figures()
  expect(now.get(`mcplex_calls_total{${call},status="ok"}`)).toBe(3)
  expect(now.get('mcplex_calls_total{upstream="server",method="resources/read",status="error"}')).toBe(1)
  expect(now.get('mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call"}')).toBe(3)
  expect(now.get('mcplex_pool_wait_seconds_count{upstream="server"}')).toBe(4)
  expect(now.get('mcplex_sessions_active{era="session-based"}')).toBe(1)
  expect(now.get('mcplex_connections_active')).toBe(1)
  await session.end()
  await eventually('the end of the session', async () => {
    return (await figures()).get('mcplex_sessions_closed_total{reason="client"}') === 1
  })
  expect((await figures()).get('mcplex_sessions_active{era="session-based"}')).toBe(0)
})

test('a call that runs and one that waits are shown, with the age of the wait', async () => {
  const [one, other] = [await openSession(mcplex.url), await openSession(mcplex.url)]
  const runs = await one.call('hang', {}, { id: 'hangs' })
  const waits = other.text('echo', { text: 'waits' })
  await eventually('both', async () => {
    const now = await figures()
    return (
      now.get('mcplex_requests_inflight') === 2 &&
      now.get('mcplex_pool_waiting{upstream="server"}') === 1 &&
      (now.get('mcplex_pool_oldest_wait_seconds{upstream="server"}') ?? 0) > 0 &&
      now.get('mcplex_pool_workers{upstream="server",state="busy"}') === 1
    )
  })
  expect(runs.isOver).toBe(false)
  await one.notify('notifications/cancelled', { requestId: 'hangs' })
  await one.end()
  expect(await waits).toBe('waits')
  await eventually('none to wait', async () => (await figures()).get('mcplex_pool_waiting{upstream="server"}') === 0)
})

test('at the address they need the token, too', async () => {
  const { url = '', token = '' } = place.placesOf(mcplex.pid)
  expect(await askAt(url, '/metrics')).toMatchObject({ status: 401 })
  const answer = await askAt(url, '/metrics', { headers: { Authorization: `Bearer ${token}` } })
  expect([answer.status, answer.headers['content-type']]).toEqual([
    200,
    expect.stringContaining('text/plain') as string,
  ])
})
