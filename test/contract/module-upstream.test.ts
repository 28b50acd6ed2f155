/** The contract of upstreams, kept by modules whose servers are of either major of the official SDK. */
import { describe, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createEvents } from '../../src/base/events.ts'
import { silentLog } from '../../src/base/log.ts'
import { createMemoryBudget } from '../../src/base/memory-budget.ts'
import { fillSettings } from '../../src/config/assemble.ts'
import { thisMachine } from '../../src/config/load.ts'
import type { ClientDescription, UpstreamUnderTest } from '../../src/testing/index.ts'
import { upstreamContract } from '../../src/testing/index.ts'
import { createModuleUpstream } from '../../src/upstreams/module/module-upstream.ts'

function make(module: string, isolate: boolean): UpstreamUnderTest {
  const running = new Set<number>()
  const events = createEvents()
  events.on('workerStarted', ({ worker }) => running.add(worker))
  events.on('workerEnded', ({ worker }) => running.delete(worker))
  const { upstreams } = fillSettings({ upstream: { command: 'none' } }, thisMachine())
  const [common] = Object.values(upstreams)
  if (!common) throw new Error('no settings')
  const upstream = createModuleUpstream({
    settings: { ...common, module, isolate, cacheScope: 'private' },
    hasOneClient: false,
    queue: 100,
    queueWaitMs: 30_000,
    clock: systemClock,
    log: silentLog,
    events,
    memory: createMemoryBudget(256 * 1024 ** 2),
    endSuspendedCalls: () => {},
    sessions: {
      read: async () => ({ values: {}, version: 0, maxBytes: 1000 }),
      replace: async () => 'stored',
      history: () => [],
    },
  })
  return { upstream, lists: { source: upstream.catalog }, isGone: () => running.size === 0 }
}

const client: ClientDescription = {
  era: 'legacy',
  version: '2025-11-25',
  capabilities: { elicitation: {} },
  info: { name: 'contract', version: '1' },
}

// A module has the era of sessions alone: clients of the other one are translated before they come here.
describe.each([
  ['in the thread of mcplex', false],
  ['in a thread of its own', true],
])('a module %s', (_place, isolate) => {
  describe.each([
    ['the newer SDK', 'test/fixtures/modules/echo-v2.mjs'],
    ['the older SDK', 'test/fixtures/modules/echo-v1.mjs'],
  ] as const)('with a server of %s', (_name, module) => {
    upstreamContract({
      describe,
      it,
      client,
      requestMeta: {},
      hasSessions: true,
      isSingle: true,
      internals: [module, 'echo-module'],
      make: () => make(module, isolate),
      makeUnstartable: () => make('test/fixtures/modules/broken.mjs', isolate),
    })
  })
})
