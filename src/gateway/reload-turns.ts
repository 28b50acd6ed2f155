/**
 * The order of reloads: one at a time, and the newest first, because a server that hangs at its start must not keep back
 * what would correct it. Until a reload changes anything, a newer one interrupts it, and takes its place if it does the
 * same anew: newer settings for older ones, a replacement for one of the same upstreams. Otherwise the older one begins
 * again afterwards.
 */
import { Cancel } from '../base/cancel.ts'
import type { Settings } from '../config/settings.ts'
import { ReloadError } from './reload-error.ts'

/** What a reload is to do. */
export interface WantedReload {
  /** The settings to take over; undefined to keep those in force, which an earlier reload may change. */
  readonly settings: Settings | undefined
  /** The names of upstreams that are replaced although their settings are the same. */
  readonly replaced: readonly string[]
}

/** A reload that runs. */
export interface Turn {
  /** Fires when it is interrupted: it must then reject, with nothing changed. */
  readonly interrupted: Cancel
  /** To be called before anything is changed: it is not interrupted any more. Throws if it was. */
  commit(): void
}

interface Waiting<Report> extends WantedReload {
  readonly resolve: (report: Report) => void
  readonly reject: (error: unknown) => void
}

export interface ReloadTurns<Report> {
  /** Resolves with the report; rejects with what the reload throws, or with a `ReloadError` if it gets no turn. */
  ask(request: WantedReload): Promise<Report>
  /** Ends all: what waits and what prepares is refused, and so is what comes. */
  close(): void
}

const shuttingDown = (): ReloadError => new ReloadError('the gateway is being shut down', { isClosing: true })

/** @param run does a reload; rejects if its turn is interrupted */
export function createReloadTurns<Report>(
  run: (request: WantedReload, turn: Turn) => Promise<Report>,
): ReloadTurns<Report> {
  /** The newest first; at most one with settings, and none whose upstreams a newer one replaces as well. */
  let waiting: ReadonlyArray<Waiting<Report>> = []
  let preparing: { readonly request: Waiting<Report>; readonly interrupted: Cancel } | undefined
  let isRunning = false
  let isClosed = false

  const interrupt = (why: string): void => {
    if (!preparing) return
    const { request, interrupted } = preparing
    preparing = undefined
    waiting = [request, ...waiting]
    interrupted.cancel(why)
  }

  const runNext = async (request: Waiting<Report>): Promise<void> => {
    const interrupted = new Cancel()
    preparing = { request, interrupted }
    const commit = (): void => {
      if (interrupted.cancelled) throw new ReloadError(interrupted.reason ?? '')
      preparing = undefined
    }
    try {
      const report = await run(request, { interrupted, commit })
      request.resolve(report)
    } catch (error) {
      // Otherwise it waits again, or was refused.
      if (!interrupted.cancelled) request.reject(error)
    } finally {
      if (preparing?.request === request) preparing = undefined
    }
  }

  const runAll = async (): Promise<void> => {
    if (isRunning) return
    isRunning = true
    for (;;) {
      const [first, ...others] = waiting
      if (!first) break
      waiting = others
      await runNext(first)
    }
    isRunning = false
  }

  return {
    ask(request) {
      if (isClosed) return Promise.reject(shuttingDown())
      interrupt('a newer reload goes first')
      return new Promise((resolve, reject) => {
        const replaced = waiting.filter((older) => takesPlaceOf(request, older))
        waiting = [{ ...request, resolve, reject }, ...waiting.filter((older) => !replaced.includes(older))]
        for (const older of replaced)
          older.reject(new ReloadError('the reload was replaced by a newer one', { isReplaced: true }))
        void runAll()
      })
    },
    close() {
      isClosed = true
      interrupt('the gateway is being shut down')
      const refused = waiting
      waiting = []
      for (const { reject } of refused) reject(shuttingDown())
    },
  }
}

function takesPlaceOf(newer: WantedReload, older: WantedReload): boolean {
  if (newer.settings || older.settings) return newer.settings !== undefined && older.settings !== undefined
  return older.replaced.every((name) => newer.replaced.includes(name))
}
