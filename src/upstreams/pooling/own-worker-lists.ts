/**
 * The lists of workers that work for one session alone. Each call may change what such a worker lists, announced or not,
 * so the worker is asked again once calls have ended; never while it is at work.
 */
import type { Caller } from '../../protocol/call.ts'
import type { OwnListQuery, OwnListSource } from '../upstream.ts'
import type { Worker } from '../worker.ts'
import { groupSource } from './catalog-keys.ts'
import type { IsolationGroup } from './isolation-group.ts'
import type { IsolationGroups } from './isolation-groups.ts'

export interface OwnWorkerLists extends OwnListSource {
  /** A call of the group has ended on the worker. */
  callEnded(group: IsolationGroup, worker: Worker): void
}

/** @param areCommon whether all workers list the same, so that none has to be asked */
export function createOwnWorkerLists(
  groups: Pick<IsolationGroups, 'find' | 'keyOf'>,
  areCommon: boolean,
): OwnWorkerLists {
  let listener: (caller: Caller) => void = () => {}

  return {
    due(caller, list) {
      if (areCommon) return undefined
      const group = groups.find(groups.keyOf(caller))
      if (!group || group.attribution !== 'session' || group.callsEnded === 0) return undefined
      const worker = [...group.workers].find(({ state }) => state === 'idle' || state === 'busy')
      if (!worker) return undefined
      const known = group.ownLists.get(list)
      if (known?.worker === worker && known.callsEnded === group.callsEnded) return undefined
      // A list in flight counts as a call of the worker, and a further request waits for the same list.
      return worker.callsInFlight > group.listsInFlight ? undefined : query(group, worker, list)
    },
    onFirstCall: (listen) => (listener = listen),
    callEnded(group, worker) {
      group.callsEnded++
      if (areCommon || group.attribution !== 'session' || group.areListsCompared || worker.callsInFlight > 0) return
      group.areListsCompared = true
      listener(group.caller)
    },
  }
}

function query(group: IsolationGroup, worker: Worker, list: string): OwnListQuery {
  const { callsEnded } = group
  return {
    source: groupSource(group.key),
    done(isShown = group.ownLists.get(list)?.isShown ?? false) {
      if (!worker.closed) group.ownLists.set(list, { worker, callsEnded, isShown })
    },
  }
}
