/**
 * The lock of a file between processes, threads and modules: a folder `FILE.lock` beside it, which its owner touches as long
 * as it lives. One that was not touched for `ttlMs` is of a process that has died, and is taken over.
 */
import { realpath } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Clock, pauseUnless } from '../base/clock.ts'
import { outside } from '../use-call/call-scope.ts'
import type { AcquireAttempt, AcquiredResource } from './acquired-resource.ts'
import { inSeconds, ResourceError } from './resource-error.ts'

/** How often a lock that another process has is tried again: nothing tells when it is free. */
const tryMs = { least: 5, most: 25 }
/** After so long, other processes get a chance: for longer than they wait between two tries. */
const streakMs = 250
const chanceMs = tryMs.most + 10
/** Shorter than this, the lock was not free in between. */
const gapMs = 5

export interface FileLockNeeds {
  /** Such as `lock("/var/lib/a.json")`. */
  readonly resource: string
  /** Absolute. */
  readonly path: string
  readonly ttlMs: number
  readonly clock: Clock
}

/** @returns gets the lock, one at a time */
export function createFileLock(needs: FileLockNeeds): (attempt: AcquireAttempt) => Promise<AcquiredResource> {
  const { resource, path, ttlMs, clock } = needs
  let streakFromMs = 0
  let releasedMs = -Infinity

  const tryLock = async (real: string, lost: (error: ResourceError) => void): Promise<AcquiredResource | undefined> => {
    // Loaded when it is first needed, because it listens to the signals of the process.
    const { lock } = await import('proper-lockfile')
    try {
      const release = await lock(real, {
        realpath: false,
        stale: ttlMs,
        update: ttlMs / 2,
        onCompromised: (cause) =>
          lost(new ResourceError('lock_lost', resource, 'another process has taken it over', { cause })),
      })
      return {
        async release() {
          // What could not be released is taken over after its time.
          await release().catch(() => {})
          releasedMs = clock.now()
        },
      }
    } catch (error) {
      if (isTaken(error)) return undefined
      throw error
    }
  }

  return async ({ signal, cancel, dueMs, lost }) => {
    const nowMs = clock.now()
    if (nowMs - releasedMs > gapMs) streakFromMs = nowMs
    else if (nowMs - streakFromMs > streakMs) {
      await pauseUnless([cancel], clock, chanceMs)
      streakFromMs = clock.now()
    }
    for (;;) {
      signal.throwIfAborted()
      // Its timers belong to no module.
      const real = await realPath(path)
      const held = await outside(() => tryLock(real, lost))
      if (held) return held
      if (clock.now() >= dueMs)
        throw new ResourceError(
          'wait_timeout',
          resource,
          `another process had it all the time (maxWait); if none is left, it is free after ${inSeconds(ttlMs)} (ttl)`,
        )
      await pauseUnless([cancel], clock, tryMs.least + Math.random() * (tryMs.most - tryMs.least))
    }
  }
}

/** One path for all names of a file; it need not be there. */
async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    return join(await realpath(dirname(path)), basename(path))
  }
}

/** Another process has it, or has removed the folder as that of a dead one at this moment. */
function isTaken(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ELOCKED' || error.code === 'ENOENT')
}
