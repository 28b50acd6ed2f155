import { expect, test } from 'vitest'
import { systemClock } from '../../base/clock.ts'
import { type CallEnded, createEvents } from '../../base/events.ts'
import type { Overview } from '../../gateway/gateway.ts'
import { createMetrics } from './scrape.ts'
import { Tally, TimeTally } from './tally.ts'

const call: CallEnded = {
  requestId: 'r',
  method: 'tools/call',
  tool: 'echo',
  tenant: 't',
  subject: 'ann',
  session: undefined,
  client: 'c',
  clientVersion: '1',
  upstream: 'files',
  era: 'stateless',
  upstreamEra: 'stateless',
  status: 'ok',
  durationMs: 150,
  queueMs: 100,
}

const overview = {
  sessions: () => ({ sessions: [], total: 0 }),
  session: () => [],
  closeSession: () => Promise.resolve(false),
  calls: () => [],
  sessionTotals: () => ({ count: 3, oldestMs: 2500, heldBytes: 10 }),
  upstreamCounts: () => [
    [
      'files',
      {
        waitingCalls: 2,
        queuedCalls: 1,
        oldestWaitMs: 1500,
        workerCalls: 4,
        workers: 5,
        workersAtMost: 8,
        heldLocks: 1,
        waitingForLocks: 2,
        oldestLockWaitMs: 2500,
      },
    ],
  ],
  counts: () => ({ clients: 7, calls: 6, overloadStep: 2, loopDelayMs: 40 }),
  tenants: () => [],
  tenantUse: () => [
    {
      tenant: 'acme',
      clients: 3,
      maxClients: 5,
      calls: 2,
      maxCalls: 9,
      workers: 4,
      maxWorkers: 0,
      waiting: 1,
      maxWaiting: 0,
    },
  ],
  tenantLimits: () =>
    ['a', 'b'].map((of) => ({
      tenant: 'acme',
      scope: 'tool' as const,
      limit: '1/s, burst 1',
      of,
      dryRun: false,
      left: 1,
      allowed: 3,
      refused: 2,
      wouldRefuse: 0,
    })),
  memory: { heldBytes: 11, limitBytes: 12 },
  limits: { maxConnections: 1000 },
  explain: () => ({ runs: true, waits: false, refusal: undefined, upstream: undefined, steps: [] }),
  purgeTenant: () => Promise.reject(new Error('not asked for')),
  isDraining: false,
  drainingForMs: undefined,
} satisfies Overview

test('a scrape has what was counted and what there is, each metric with one head', async () => {
  const events = createEvents()
  const metrics = createMetrics({ events, overview, operations: () => undefined }, systemClock)
  for (let count = 0; count < 3; count++) events.emit('callEnded', call)
  events.emit('callEnded', { ...call, status: 'overloaded', queueMs: undefined, upstream: undefined })
  events.emit('sessionEnded', {
    session: 's',
    tenant: 't',
    reason: 'idle',
    ageMs: 5000,
    calls: 1,
    client: 'c',
    lastError: undefined,
  })
  events.emit('refused', { code: 'draining', tenant: undefined, client: undefined, requestId: 'r' })
  const [{ type, text }, again] = await Promise.all([metrics.scrape(), metrics.scrape()])
  expect(again.text).toBe(text)
  expect(type).toMatch(/^text\/plain; version=0\.0\.4/)
  const lines = text.split('\n')
  for (const line of [
    'mcplex_calls_total{upstream="files",method="tools/call",status="ok"} 3',
    'mcplex_tenant_clients{tenant="acme"} 3',
    'mcplex_tenant_calls{tenant="acme"} 2',
    'mcplex_ratelimit_decisions_total{tenant="acme",scope="tool",decision="refused"} 4',
    'mcplex_calls_total{upstream="_none",method="tools/call",status="overloaded"} 1',
    'mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call"} 3',
    'mcp_server_operation_duration_seconds_count{mcp_method_name="tools/call",error_type="_OTHER"} 1',
    'mcp_client_operation_duration_seconds_bucket{mcplex_upstream="files",mcp_method_name="tools/call",le="0.02"} 0',
    'mcp_client_operation_duration_seconds_bucket{mcplex_upstream="files",mcp_method_name="tools/call",le="0.05"} 3',
    'mcplex_pool_wait_seconds_bucket{upstream="files",le="+Inf"} 3',
    'mcplex_session_age_seconds_sum 5',
    'mcplex_sessions_closed_total{reason="idle"} 1',
    'mcplex_refused_total{reason="draining"} 1',
    'mcplex_sessions_active{era="session-based"} 3',
    'mcplex_session_oldest_seconds 2.5',
    'mcplex_pool_waiting{upstream="files"} 3',
    'mcplex_pool_oldest_wait_seconds{upstream="files"} 1.5',
    'mcplex_requests_inflight 6',
    'mcplex_pool_limit{upstream="files"} 8',
    'mcplex_overload_step 2',
    'mcplex_event_loop_delay_seconds 0.04',
    'mcplex_shared_resource_in_use{upstream="files",kind="lock"} 1',
    'mcplex_shared_resource_waiting{upstream="files",kind="lock"} 2',
    'mcplex_shared_resource_oldest_wait_seconds{upstream="files",kind="lock"} 2.5',
  ])
    expect(lines).toContain(line)
  expect(text).toContain('\nnodejs_eventloop_lag_p99_seconds ')
  const heads = lines.filter((line) => line.startsWith('# TYPE '))
  expect(new Set(heads).size).toBe(heads.length)
})

test('thousands of lines have one head each, and none is lost or doubled', async () => {
  const events = createEvents()
  const metrics = createMetrics({ events, overview, operations: () => undefined }, systemClock)
  for (let at = 0; at < 150; at++) events.emit('callEnded', { ...call, upstream: `upstream${at}` })
  const { text } = await metrics.scrape()
  const lines = text.split('\n').filter((line) => line.startsWith('mcplex_pool_wait_seconds'))
  expect(lines.length).toBe(150 * 17)
  expect(new Set(lines).size).toBe(lines.length)
  expect(text.match(/^# HELP mcplex_pool_wait_seconds /gm)?.length).toBe(1)
})

test('beyond the bound, further labels are counted as one', () => {
  const tally = new Tally(['upstream', 'method'], 10)
  const times = new TimeTally('t', ['upstream'], [1], 10)
  for (let at = 0; at < 1000; at++) {
    tally.add(1, `upstream${at}`, 'm')
    times.add(10, `upstream${at}`)
  }
  const counted = [...tally.samples()]
  expect(counted.length).toBe(11)
  expect(counted.at(-1)).toEqual({ labels: { upstream: '_other', method: '_other' }, value: 990 })
  expect([...times.samples()].length).toBe(11 * 4)
})

test('a time on the bound of a bucket is in it', () => {
  const times = new TimeTally('t', [], [0.1, 1], 1)
  for (const ms of [100, 101, 1000, 5000]) times.add(ms)
  expect([...times.samples()].map(({ value }) => value)).toEqual([1, 3, 4, 6.201, 4])
})
