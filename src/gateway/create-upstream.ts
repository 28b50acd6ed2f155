/** Makes an upstream of the kind that its settings say, with its catalogue. */
import type { Clock } from '../base/clock.ts'
import type { EventSink } from '../base/events.ts'
import { type Log, logWith } from '../base/log.ts'
import type { MemoryBudget } from '../base/memory-budget.ts'
import { createMemorySection } from '../base/memory-section.ts'
import type { SharedResourceFacts } from '../base/shared-resource-facts.ts'
import { bindUpstream } from '../catalog/bind-upstream.ts'
import { createCatalog } from '../catalog/catalog.ts'
import type { Settings } from '../config/settings.ts'
import type { Principal } from '../protocol/call.ts'
import type { Sessions } from '../sessions/sessions.ts'
import type { ToolStates } from '../sessions/tool-states.ts'
import type { Fairness } from '../protocol/fairness.ts'
import type { TenantUse } from '../tenants/tenant-use.ts'
import { createModuleUpstream, type ModuleUpstream } from '../upstreams/module/module-upstream.ts'
import type { CallerFacts, ToolSessions } from '../upstreams/module/object-host.ts'
import { createMemoryScan } from '../upstreams/stdio/memory-scan.ts'
import { createStdioUpstream } from '../upstreams/stdio/stdio-upstream.ts'
import type { CreateUpstream } from './served-upstream.ts'
import { nameIn } from './tenant-setups.ts'
import { WorkersOfTenants } from './workers-of-tenants.ts'

export interface CreateUpstreamNeeds {
  readonly limits: Pick<Settings['limits'], 'queue' | 'queueWaitMs'>
  readonly fairness: Fairness
  readonly tenantUse: TenantUse
  /** Where in-process servers find what belongs to a session; asked for when they first use it. */
  readonly sessionServices: () => { readonly states: ToolStates; readonly sessions: Pick<Sessions, 'served'> }
  /** Whether all requests come from one client. */
  readonly hasOneClient: boolean
  /** Whether the log names the upstream: there may be several. */
  readonly isNamed: () => boolean
  /** Whether work that no client waits for is left out for now. */
  readonly isUnderLoad: () => boolean
  /** Ends calls that only wait for their clients, at capacity of an upstream: at endpoints that it is behind. */
  readonly endSuspendedCalls: (wanted: number, upstream: string) => void
  readonly memory: MemoryBudget
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
}

export function upstreamCreator(needs: CreateUpstreamNeeds): CreateUpstream {
  const { limits, fairness, hasOneClient, isNamed, isUnderLoad, memory, clock } = needs
  const tenantWorkers = new WorkersOfTenants(needs.tenantUse, clock)
  const memoryScan = createMemoryScan(clock)
  return (key, settings) => {
    const log = isNamed() ? logWith(needs.log, { upstream: key }) : needs.log
    const events = isNamed() ? eventsOf(key, needs.events) : needs.events
    const { queue, queueWaitMs } = limits
    const endSuspendedCalls = (wanted: number): void => needs.endSuspendedCalls(wanted, key)
    const surroundings = { isUnderLoad, clock, log, events }
    const common = {
      ...surroundings,
      hasOneClient,
      queue,
      queueWaitMs,
      fairness,
      tenantWorkers,
      memory,
      endSuspendedCalls,
    }
    const upstream: ReturnType<typeof createStdioUpstream> & Partial<ModuleUpstream> =
      settings.kind === 'stdio'
        ? createStdioUpstream({ ...common, settings, memoryScan })
        : createModuleUpstream({ ...common, settings, sessions: toolSessions(nameIn(key), needs) })
    const { listAgeMs, onChange } = settings
    const boundArgs = Object.keys(settings.boundArgs ?? {}).length > 0 ? settings.boundArgs : undefined
    const section = createMemorySection(memory)
    const learnt = { ...surroundings, memory: section.budget, listAgeMs, onChange, boundArgs }
    const catalog = createCatalog({ catalogSource: upstream.catalog, ...learnt })
    const served = boundArgs ? bindUpstream(upstream, catalog, boundArgs) : upstream
    const sharedResources = (): readonly SharedResourceFacts[] => upstream.sharedResources?.() ?? []
    return { upstream: served, catalog, sharedResources, release: () => section.close() }
  }
}

/** What the tools of a module keep and see of sessions: the state is apart for each upstream. */
function toolSessions(upstream: string, { sessionServices }: CreateUpstreamNeeds): ToolSessions {
  return {
    read: async (facts) => sessionServices().states.read(principalOf(facts), facts.session ?? '', upstream),
    replace: async (facts, values, version) =>
      sessionServices().states.replace(principalOf(facts), facts.session ?? '', upstream, values, version),
    history: (facts) => sessionServices().sessions.served(principalOf(facts), facts.session ?? '')?.history ?? [],
  }
}

function principalOf({ tenant, issuer, subject }: CallerFacts): Principal {
  return { tenant, subject, ...(issuer !== undefined && { issuer }) }
}

/** Events of one upstream: those of its workers name it, because workers are counted for each upstream. */
function eventsOf(upstream: string, events: EventSink): EventSink {
  return {
    emit(name, event) {
      const isOfWorker = name === 'workerStarted' || name === 'workerEnded'
      events.emit(name, isOfWorker ? { ...event, upstream } : event)
    },
  }
}
