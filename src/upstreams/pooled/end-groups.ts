/** Ends isolation groups whose callers are gone: their workers, and what these remember. */
import type { WorkerEnd } from '../../base/events.ts'
import type { Caller } from '../../protocol/call.ts'
import { type IsolationGroup, tenantOf } from '../pooling/isolation-group.ts'
import type { IsolationGroups } from '../pooling/isolation-groups.ts'
import type { NotificationRouter } from '../pooling/notification-router.ts'
import type { WorkerStarts } from '../pooling/worker-starts.ts'
import type { Worker } from '../worker.ts'

interface Parts {
  readonly groups: IsolationGroups
  readonly notifications: Pick<NotificationRouter, 'forget'>
}

type EndWorker = (worker: Worker, reason: WorkerEnd) => void
type Starts = Pick<WorkerStarts, 'starting'>

/** Does nothing if the session has no group of its own. */
export function endGroupOfSession(caller: Caller, parts: Parts, starts: Starts, end: EndWorker): void {
  const { groups } = parts
  const group = groups.find(groups.keyOf(caller))
  if (group?.attribution === 'session') endGroup(group, parts, starts, (worker) => end(worker, 'client_gone'))
}

/** @returns how many workers the groups had */
export function endGroupsOfTenant(tenant: string, parts: Parts, starts: Starts, end: EndWorker): number {
  const own = [...parts.groups.all()].filter((group) => tenantOf(group) === tenant)
  return own.reduce((sum, group) => sum + endGroup(group, parts, starts, (worker) => end(worker, 'purged')), 0)
}

function endGroup(
  group: IsolationGroup,
  { groups, notifications }: Parts,
  starts: Starts,
  end: (worker: Worker) => void,
): number {
  group.ended = true
  groups.remove(group)
  notifications.forget(group.key)
  const workers = [...group.workers, ...starts.starting(group)]
  for (const worker of workers) end(worker)
  return workers.length
}
