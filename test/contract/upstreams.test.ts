/** The contract of upstreams, kept by the stdio upstream with real processes of either era, and by a router in front of it. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createEvents } from '../../src/base/events.ts'
import { silentLog } from '../../src/base/log.ts'
import { createMemoryBudget } from '../../src/base/memory-budget.ts'
import { servedUpstream } from '../../src/cli/commands/serve/served-upstream.ts'
import { fillSettings } from '../../src/config/assemble.ts'
import { thisMachine } from '../../src/config/load.ts'
import type { Call, ClientDescription, Reply, Upstream, UpstreamUnderTest } from '../../src/testing/index.ts'
import { upstreamContract } from '../../src/testing/index.ts'
import { ContractClient } from '../../src/testing/upstream/fixture.ts'
import { Router } from '../../src/upstreams/router/router.ts'
import { createStdioUpstream } from '../../src/upstreams/stdio/stdio-upstream.ts'
import { runs } from '../children/processes.ts'
import { echoLegacy, echoModern } from '../support/mcplex.ts'

/** A stdio upstream in front of the server, or what `wrap` makes of it. */
function make(server: readonly string[], wrap: (upstream: Upstream) => Upstream): UpstreamUnderTest {
  const pids: number[] = []
  const events = createEvents()
  events.on('workerStarted', ({ pid }) => pids.push(pid))
  const settings = servedUpstream(
    fillSettings({ upstream: { command: process.execPath, args: server, spares: 0 } }, thisMachine()),
  )
  const upstream = createStdioUpstream({
    settings,
    hasOneClient: false,
    queue: 100,
    queueWaitMs: 30_000,
    clock: systemClock,
    log: silentLog,
    events,
    memory: createMemoryBudget(256 * 1024 ** 2),
    endSuspendedCalls: () => {},
  })
  return { upstream: wrap(upstream), isGone: () => !pids.some(runs) }
}

const capabilities = { elicitation: {} }
const info = { name: 'contract', version: '1' }
const version = '2026-07-28'
const ofSessions: ClientDescription = { era: 'legacy', version: '2025-11-25', capabilities, info }
const withoutSessions: ClientDescription = { era: 'modern', version, capabilities, info }
const requestMeta = {
  'io.modelcontextprotocol/protocolVersion': version,
  'io.modelcontextprotocol/clientCapabilities': capabilities,
  'io.modelcontextprotocol/clientInfo': info,
}

describe.each([
  ['the stdio upstream', (upstream: Upstream) => upstream],
  ['a router in front of it', (upstream: Upstream) => new Router(upstream)],
] as const)('%s', (_name, wrap) => {
  describe.each([
    ['a session-based server', echoLegacy, ofSessions, {}],
    ['a stateless server', echoModern, withoutSessions, requestMeta],
  ] as const)('with %s', (_kind, server, client, meta) => {
    upstreamContract({
      describe,
      it,
      client,
      requestMeta: meta,
      hasSessions: client === ofSessions,
      internals: [server, process.execPath, 'echo-'],
      make: () => make([server], wrap),
      makeUnstartable: () => make([server, '--start-fail'], wrap),
    })
  })
})

it('a router returns the reply of the upstream itself, and no generator around it', () => {
  const { upstream } = make([echoLegacy], (one) => one)
  onTestFinished(() => upstream.close())
  const replies: Reply[] = []
  const callUpstream = upstream.call.bind(upstream)
  const call = (given: Call): Reply => {
    const reply = callUpstream(given)
    replies.push(reply)
    return reply
  }
  const router = new Router(Object.assign(upstream, { call }))
  const client = new ContractClient(router, { client: ofSessions, requestMeta: {}, hasSessions: true }, 'ada')
  expect(router.call(client.call('echo'))).toBe(replies[0])
})
