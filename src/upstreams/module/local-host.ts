/** Server objects of a module in this thread. */
import type { Clock } from '../../base/clock.ts'
import { ModuleResources } from '../../shared-resources/module-resources.ts'
import { type CallScope, callScopes } from '../../use-call/call-scope.ts'
import { loadFactory } from './load-module.ts'
import { LocalObject, wordsOf } from './local-object.ts'
import { guardProcess } from './module-faults.ts'
import type { HostedObject, ObjectEnd, ObjectHost, ToolSessions } from './object-host.ts'
import type { ServerFactory } from './options.ts'
import { StateChanges } from './state-changes.ts'

export function createLocalHost(needs: {
  readonly module: string | ServerFactory
  readonly sessions: ToolSessions
  readonly clock: Clock
  /** What the module has begun as it was loaded has failed: it belongs to no server object. */
  readonly complained: (end: ObjectEnd) => void
}): ObjectHost {
  const { module, sessions, clock, complained } = needs
  const resources = new ModuleResources(clock, (run) => callScopes().run(scope, run))
  const changes = new StateChanges(sessions, clock)
  const scope: CallScope = {
    call: undefined,
    resources,
    failed: (what, error) => complained({ what, error: wordsOf(error) }),
  }
  const made = new WeakSet<object>()
  const objects = new Set<HostedObject>()
  let loading: Promise<ServerFactory> | undefined
  let release: (() => void) | undefined

  const load = (): Promise<ServerFactory> => {
    release ??= guardProcess()
    return (loading ??=
      typeof module === 'string' ? callScopes().run(scope, () => loadFactory(module)) : Promise.resolve(module))
  }

  return {
    async load() {
      await load()
    },
    open(listener, owner) {
      const factory: ServerFactory = async (context) => (await load())(context)
      const object: HostedObject = new LocalObject({
        factory,
        listener: {
          ...listener,
          ended(end) {
            objects.delete(object)
            listener.ended(end)
          },
        },
        owner,
        sessions,
        changes,
        resources,
        clock,
        made,
      })
      objects.add(object)
      return {
        send: (line, facts) => object.send(line, facts),
        hold: (isHeld) => object.hold(isHeld),
        close() {
          objects.delete(object)
          return object.close()
        },
        kill() {
          objects.delete(object)
          object.kill()
        },
      }
    },
    counts: () => ({ ...resources.counts(), ...changes.counts() }),
    sharedResources: () => resources.list(),
    async close() {
      await Promise.all([...objects].map((object) => object.close()))
      objects.clear()
      await resources.close()
      release?.()
      release = undefined
    },
  }
}
