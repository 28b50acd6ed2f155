/** The contract of upstreams, kept by the stdio upstream with real processes of either era, and by a router in front of one or two of them. */
import { describe, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createEvents } from '../../src/base/events.ts'
import { silentLog } from '../../src/base/log.ts'
import { createMemoryBudget, type MemoryBudget } from '../../src/base/memory-budget.ts'
import { createCatalog } from '../../src/catalog/catalog.ts'
import { onlyUpstream } from '../support/only-upstream.ts'
import { fillSettings } from '../../src/config/assemble.ts'
import { thisMachine } from '../../src/config/load.ts'
import { createRouter } from '../../src/router/router.ts'
import type { ClientDescription, SingleUpstream, UpstreamUnderTest } from '../../src/testing/index.ts'
import { upstreamContract } from '../../src/testing/index.ts'
import { createStdioUpstream } from '../../src/upstreams/stdio/stdio-upstream.ts'
import { runs } from '../children/processes.ts'
import { echoLegacy, echoModern } from '../support/mcplex.ts'

/** A stdio upstream in front of the server, and its processes. */
function stdioUpstream(server: readonly string[]): { readonly upstream: SingleUpstream; readonly pids: number[] } {
  const pids: number[] = []
  const events = createEvents()
  events.on('workerStarted', ({ pid }) => pids.push(pid))
  const settings = onlyUpstream(
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
    memory: memory(),
    endSuspendedCalls: () => {},
  })
  return { upstream, pids }
}

const memory = (): MemoryBudget => createMemoryBudget(256 * 1024 ** 2)

function single(server: readonly string[]): UpstreamUnderTest {
  const { upstream, pids } = stdioUpstream(server)
  return { upstream, lists: { source: upstream.catalog }, isGone: () => !pids.some(runs) }
}

/** A router with so many of these servers as members: `first`, `second`. */
function routed(server: readonly string[], names: readonly string[]): UpstreamUnderTest {
  const started = names.map((name) => ({ name, ...stdioUpstream(server) }))
  const common = { memory: memory(), clock: systemClock, log: silentLog }
  const members = started.map(({ name, upstream }) => ({
    name,
    upstream,
    catalog: createCatalog({
      catalogSource: upstream.catalog,
      listAgeMs: 300_000,
      onChange: 'allow',
      boundArgs: undefined,
      events: createEvents(),
      ...common,
    }),
  }))
  const { upstream, catalog } = createRouter({
    members,
    naming: { hasPrefix: names.length > 1 },
    memberWaitMs: 2000,
    ...common,
  })
  return { upstream, lists: { catalog }, isGone: () => !started.some(({ pids }) => pids.some(runs)) }
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
  ['the stdio upstream', single, {}],
  ['a router with one member', (server: readonly string[]) => routed(server, ['only']), {}],
  [
    'a router with two members',
    (server: readonly string[]) => routed(server, ['first', 'second']),
    { toolName: (own: string) => `second__${own}`, resourceUri: (own: string) => `mcplex://second/${own}` },
  ],
] as const)('%s', (_name, make, naming) => {
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
      isSingle: make === single,
      internals: [server, process.execPath, 'echo-'],
      make: () => make([server]),
      makeUnstartable: () => make([server, '--start-fail']),
      ...naming,
    })
  })
})
