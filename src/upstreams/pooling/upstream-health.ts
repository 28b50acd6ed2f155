/**
 * Whether calls can be served: by the results of the last starts, and by whether the server answers a ping. The server
 * is pinged only if no worker sent anything a moment ago; one worker that hangs says nothing about the others.
 */
import { type Clock, pause } from '../../base/clock.ts'
import type { HealthCheck } from '../../protocol/health.ts'
import type { Worker } from '../worker.ts'
import type { CatalogWorkers } from './catalog-workers.ts'
import { profileSource } from './catalog-keys.ts'
import { isShared, type IsolationGroup } from './isolation-group.ts'
import type { IsolationGroups } from './isolation-groups.ts'
import { answersPing, ownDescription } from './own-requests.ts'
import { NoRoom } from '../upstream.ts'

/** A line from any worker this recently shows that the server answers. */
const freshMs = 1000
const checkMs = 2000
/** The most workers pinged at once. */
const maxAsked = 3

const silent: HealthCheck = { ok: false, detail: 'the server does not answer' }

export interface UpstreamHealthNeeds {
  readonly clock: Clock
  readonly groups: IsolationGroups
  readonly catalogWorkers: CatalogWorkers
  /** The number of workers that do not respond. */
  readonly unresponsive: () => number
  /** Why no worker can be started; undefined if one can. */
  readonly fault: () => string | undefined
  /** What else operators should know, in words: that only one worker can run, for example. */
  readonly detail: () => string | undefined
}

/** @returns the check; concurrent calls get the same answer */
export function createUpstreamHealth(needs: UpstreamHealthNeeds): () => Promise<HealthCheck> {
  const { clock, groups, catalogWorkers } = needs
  let asking: Promise<HealthCheck> | undefined
  /** When a check failed, if none has succeeded since. */
  let failedMs: number | undefined

  const all = (): Array<{ readonly worker: Worker; readonly group?: IsolationGroup }> => {
    const found: Array<{ readonly worker: Worker; readonly group?: IsolationGroup }> = []
    for (const worker of catalogWorkers.live()) found.push({ worker })
    for (const group of groups.all())
      for (const worker of group.workers) if (!worker.closed) found.push({ worker, group })
    return found
  }

  const ask = async (): Promise<HealthCheck> => {
    const serverEra = groups.serverEras.values().next().value
    if (!serverEra) return silent
    const client = ownDescription(serverEra, {})
    const running = all()
    // A worker of one client may be busy and answer no ping; a shared one that answers no ping serves no client.
    const free = running.filter(({ worker, group }) => !group || worker.callsInFlight === 0 || isShared(group))
    if (free.length > 0) {
      const asked = free.slice(0, maxAsked).map(({ worker }) => answersPing(worker, client, checkMs))
      return (await anyTrue(asked)) ? { ok: true } : silent
    }
    if (running.length > 0) {
      const isGood = failedMs === undefined || running.some(({ worker }) => worker.liveness.heardAtMs > (failedMs ?? 0))
      return isGood ? { ok: true } : silent
    }
    try {
      const opening = catalogWorkers.at({ source: profileSource(serverEra.codec.era), serverEra, announced: {} })
      const catalogWorker = await Promise.race([opening, pause(clock, checkMs)])
      // It is not ready yet, or all slots are taken by workers that start or end.
      if (!catalogWorker) return failedMs === undefined ? { ok: true } : silent
      return (await answersPing(catalogWorker.worker, client, checkMs)) ? { ok: true } : silent
    } catch (error) {
      // Another worker has taken the slot meanwhile.
      if (error instanceof NoRoom) return failedMs === undefined ? { ok: true } : silent
      const detail = needs.fault()
      return detail === undefined ? silent : { ok: false, detail }
    }
  }

  return async () => {
    const fault = needs.fault()
    const running = all()
    // A worker that all clients share also serves later clients.
    const areShared = [...groups.serverEras.values()].every(({ mode }) => mode === 'shared')
    const isServing = areShared && running.some(({ group }) => group && isShared(group))
    if (fault !== undefined && !isServing) return { ok: false, detail: fault }
    const now = clock.now()
    let found: HealthCheck = { ok: true }
    if (!running.some(({ worker }) => now - worker.liveness.heardAtMs < freshMs)) {
      asking ??= ask().finally(() => (asking = undefined))
      found = await asking
    }
    failedMs = found.ok ? undefined : (failedMs ?? clock.now())
    const detail = fault ?? silence(needs.unresponsive()) ?? needs.detail()
    return found.ok && detail !== undefined ? { ok: true, detail } : found
  }
}

/** The number of workers that do not respond, in words; undefined if there is none. */
function silence(count: number): string | undefined {
  if (count === 0) return undefined
  return `${count === 1 ? 'one worker does' : `${count} workers do`} not respond; no new calls go there`
}

/** Resolves with true as soon as one promise does; with false if none does. */
function anyTrue(promises: ReadonlyArray<Promise<boolean>>): Promise<boolean> {
  return new Promise((resolve) => {
    const all = promises.map((promise) => promise.then((value) => value && resolve(true)))
    void Promise.all(all).then(() => resolve(false))
  })
}
