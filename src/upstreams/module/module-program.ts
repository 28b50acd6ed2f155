/** A module as a server program: makes server objects with its factory, and ends all of them. */
import { shortId } from '../../base/ids.ts'
import { terminalSafe } from '../../base/terminal-safe.ts'
import type { PooledUpstreamNeeds } from '../pooled/pooled-upstream-needs.ts'
import type { ServerProgram } from '../pooled/server-program.ts'
import { UpstreamStartError } from '../upstream.ts'
import { createLocalHost } from './local-host.ts'
import { ModuleComplaints } from './module-complaints.ts'
import type { ObjectEnd, ObjectHost, ToolSessions } from './object-host.ts'
import type { ModuleSettings } from './options.ts'
import { createThreadHost } from './thread-host.ts'
import { ServerObject } from './server-object.ts'

export interface ModuleProgramNeeds extends Pick<PooledUpstreamNeeds, 'clock' | 'log' | 'events' | 'memory'> {
  readonly settings: PooledUpstreamNeeds['settings'] & ModuleSettings
  readonly sessions: ToolSessions
}

export function createModuleProgram(needs: ModuleProgramNeeds): ServerProgram {
  const { settings, clock, log, events, memory, sessions } = needs
  const { module, isolate } = settings
  const instance = shortId() + shortId() + shortId()
  const living = new Set<ServerObject>()
  const complaints = new ModuleComplaints({ log, clock, objects: () => (settings.isolate ? [] : living) })
  const complained = (end: ObjectEnd): void => complaints.add(end)
  const host: ObjectHost =
    isolate && typeof module === 'string'
      ? createThreadHost({ module, sessions, clock, complained })
      : createLocalHost({ module, sessions, clock, complained })
  let workers = 0
  let closing: Promise<void> | undefined

  const close = async (): Promise<void> => {
    await Promise.all(Array.from(living, (object) => object.close()))
    await host.close()
    complaints.close()
  }

  return {
    onlyEra: 'legacy',
    isMadeForCallers: true,
    lists: settings.cacheScope === 'private' ? 'own' : 'common',
    load: () => host.load(),
    start(purpose) {
      const worker = ++workers
      const object: ServerObject = new ServerObject({
        id: `${instance}.${worker}`,
        worker,
        host,
        purpose,
        clock,
        log,
        events,
        memory,
        maxLineBytes: settings.maxLineBytes,
        complained: (end, number) => complaints.add(end, number),
        gone: () => living.delete(object),
      })
      if (closing) object.kill()
      else living.add(object)
      return object
    },
    async answered() {},
    startError({ exit, late, words, error }) {
      const cause = error instanceof Error ? error.message : exit?.stderr.trim()
      const what = late
        ? `did not answer initialize within ${settings.startTimeoutMs / 1000} s`
        : `could not be started: ${cause ?? words ?? 'it ended'}`
      const named = typeof settings.module === 'string' ? `the module ${settings.module}` : 'the module'
      const reason = late
        ? 'the module did not answer its handshake in time'
        : 'the module cannot be loaded, or has failed'
      return new UpstreamStartError(terminalSafe(`${named} ${what}`), { late, reason })
    },
    counts: () => host.counts(),
    sharedResources: () => host.sharedResources(),
    get complaint() {
      return complaints.last
    },
    close(isForced) {
      if (isForced) for (const object of living) object.kill()
      closing ??= close()
      return closing
    },
  }
}
