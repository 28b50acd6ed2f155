/**
 * The children of one gateway: every process of its server is started here, and ended here at the latest.
 *
 * Promises: after `close` no child is started; `close` resolves when no child is left, including children that were
 * still being started. As long as a child is left, our own process does not exit.
 */
import { stayAwake, type Timer } from '../../base/clock.ts'
import type { Child, ChildCommand, ChildSettings, StartedChild } from './child.ts'
import { createContainment } from './containment.ts'
import type { LimitName, WorkerLimits } from './limits.ts'
import { createMemoryScan, type MemoryScan, type MemoryUse } from './memory-scan.ts'
import { FailedChild, spawnChild } from './spawn.ts'

export interface Children {
  /** Gets ready to enforce the limits of children, before the first one. @returns those that control groups enforce */
  enforceLimits(): ReadonlySet<LimitName>
  /** Starts a child; a failed start is reported as its exit. @param purpose for the event `workerStarted` */
  start(command: ChildCommand, purpose: string): Child
  /** Ends all children: step by step, or by SIGKILL at once if `isForced`. A forced call may follow a first one. */
  close(isForced: boolean): Promise<void>
}

export type ChildrenNeeds = Pick<ChildSettings, 'clock' | 'log' | 'events' | 'memory' | 'maxLineBytes'> & {
  /** Further directories (as PATH) where the reaper looks for programs. */
  readonly path: string | undefined
  /** The limits of each child. */
  readonly limits?: WorkerLimits | undefined
  /** Whether something depends on how much memory children take. */
  readonly looksAtMemory?: boolean
  /** Looks at the memory of children, for several servers at once; else they have one of their own. */
  readonly memoryScan?: MemoryScan | undefined
}

export function createChildren(needs: ChildrenNeeds): Children {
  const containment = createContainment(needs)
  const { memoryScan = createMemoryScan(needs.clock) } = needs
  const memoryUse: MemoryUse = {
    log: needs.log,
    limit: () => (containment.enforced.has('memory') ? undefined : needs.limits?.memory),
    isUsed: needs.limits?.memory !== undefined || needs.looksAtMemory === true,
  }
  const living = new Set<StartedChild>()
  let awake: Timer | undefined
  let closing: Promise<void> | undefined

  const close = async (): Promise<void> => {
    await Promise.all(Array.from(living, (child) => child.close()))
    await containment.close()
  }

  return {
    enforceLimits: () => containment.enforce(),
    start(command, purpose) {
      if (closing) return new FailedChild(Promise.resolve('ECANCELED'), needs.memory)
      const child = spawnChild(command, { ...needs, containment, purpose })
      if (child.pid === undefined) return child
      living.add(child)
      memoryScan.add(child, memoryUse)
      awake ??= stayAwake()
      void child.gone.then(() => {
        living.delete(child)
        memoryScan.remove(child)
        if (living.size > 0) return
        awake?.stop()
        awake = undefined
      })
      return child
    },
    close(isForced) {
      if (isForced) for (const child of living) child.kill()
      closing ??= close()
      return closing
    },
  }
}
