/** The isolation groups of an upstream, and which one a caller belongs to. */
import { Refusal } from '../../base/refusal.ts'
import type { EraName, Caller } from '../../protocol/call.ts'
import type { RawObject } from '../../protocol/json-text.ts'
import { modeOf, type ServerEra } from '../server-era.ts'
import { ownCaller } from './own-requests.ts'
import { createIsolationGroup, isCommon, mayAsk, type IsolationGroup, isolationGroupKey } from './isolation-group.ts'

export interface IsolationGroups {
  readonly serverEras: Map<EraName, ServerEra>
  /** The server era for a caller: its own if the server has it. The only client keeps its first one. Throws `upstream_unavailable`. */
  serverEraOf(caller: Caller): ServerEra
  /** The server describes itself in this way now. @returns whether that is another one than before; false for undefined */
  describe(era: EraName, serverDescription: RawObject | undefined): boolean
  /** The client capabilities announced to the workers of the caller's group. */
  announcedTo(serverEra: ServerEra, caller: Caller): RawObject
  keyOf(caller: Caller): string
  /** The group of the caller; created if there is none. */
  of(caller: Caller): IsolationGroup
  find(key: string): IsolationGroup | undefined
  all(): IterableIterator<IsolationGroup>
  remove(group: IsolationGroup): void
  /** Removes the groups that have no workers and expect none. @param mayGo whether nothing else needs the group */
  removeEmpty(nowMs: number, mayGo: (group: IsolationGroup) => boolean): void
  /** Ends and removes all groups. */
  clear(): void
}

/** The key of the group of the only client. */
const onlyClient = 'client'

/**
 * @param pool the current number of workers that there may be
 * @param hasOneClient whether all callers are one client, whose requests of either era belong together
 */
export function createIsolationGroups(pool: () => number, hasOneClient: boolean): IsolationGroups {
  const serverEras = new Map<EraName, ServerEra>()
  const groups = new Map<string, IsolationGroup>()

  const serverEraOf = (caller: Caller): ServerEra => {
    // The first call of the only client has decided its server era.
    const settled = hasOneClient ? groups.get(onlyClient)?.codec.era : undefined
    const serverEra = serverEras.get(settled ?? caller.client.era) ?? serverEras.values().next().value
    if (!serverEra) throw new Refusal('upstream_unavailable')
    return serverEra
  }
  const announcedTo = (serverEra: ServerEra, caller: Caller): RawObject =>
    serverEra.codec.announced(caller.client, mayAsk(modeOf(serverEra, caller)))
  const keyAt = (serverEra: ServerEra, caller: Caller): string => {
    const mode = modeOf(serverEra, caller)
    if (hasOneClient && mode === 'session') return onlyClient
    // Only the clients without sessions share this group.
    if (mode === 'shared' && serverEra.mode !== mode) return `${serverEra.codec.era}/stateless`
    return isolationGroupKey(caller, serverEra.codec.era, mode, () => announcedTo(serverEra, caller).text)
  }

  return {
    serverEras,
    serverEraOf,
    describe(era, serverDescription) {
      const known = serverEras.get(era)
      if (!known || !serverDescription || known.serverDescription.text === serverDescription.text) return false
      serverEras.set(era, { ...known, serverDescription })
      return true
    },
    announcedTo,
    keyOf: (caller) => keyAt(serverEraOf(caller), caller),
    of(caller) {
      const serverEra = serverEraOf(caller)
      const key = keyAt(serverEra, caller)
      const known = groups.get(key)
      if (known) return known
      const mode = modeOf(serverEra, caller)
      const common = isCommon(mode)
      const { principal, client, session } = common ? { ...ownCaller(serverEra), principal: caller.principal } : caller
      const of: Caller = { principal, client, session: common ? undefined : session }
      const own = mode === 'session' && (hasOneClient || session !== undefined)
      const group = createIsolationGroup(key, serverEra.codec, mode, of, own, announcedTo(serverEra, of).value, {
        pool,
        hasOneClient,
      })
      groups.set(key, group)
      return group
    },
    find: (key) => groups.get(key),
    all: () => groups.values(),
    remove: (group) => void groups.delete(group.key),
    removeEmpty(nowMs, mayGo) {
      for (const group of groups.values()) {
        const isEmpty = group.workers.size === 0 && group.starts.size === 0 && group.queued.size === 0
        if (isEmpty && group.restarts.pauseMs(nowMs) === 0 && mayGo(group)) groups.delete(group.key)
      }
    },
    clear() {
      for (const group of groups.values()) group.ended = true
      groups.clear()
    },
  }
}
