/** The event streams of all sessions over Streamable HTTP on this instance: what their outputs share. */
import type { Journals } from '../backplane/backplane.ts'
import type { Clock } from '../base/clock.ts'
import type { CoarseTimers } from '../base/coarse-timers.ts'
import type { MemoryBudget } from '../base/memory-budget.ts'
import { shortName } from './event-id.ts'
import { JournalledOutput, type JournalledOutputNeeds } from './journalled-output.ts'
import type { LiveSession } from './live-session.ts'
import type { SessionSettings } from './options.ts'
import { createStreamReaders, type ExpiredText } from './stream-readers.ts'

export interface JournalledStreams {
  /** Creates the output of a session. */
  createOutput(liveSession: LiveSession): JournalledOutput
  /** Asks all readers to reconnect later: sends them `retry:` and ends their connections. The streams stay. */
  release(retryMs: number): void
  /** How many readers are open. */
  readonly open: number
}

export function createJournalledStreams(needs: {
  readonly journals: Journals
  readonly settings: SessionSettings
  readonly memory: MemoryBudget
  readonly timers: CoarseTimers
  readonly clock: Clock
  readonly expiredText: ExpiredText
}): JournalledStreams {
  const { journals, settings, memory, expiredText } = needs
  // At least as many bytes as for a single stream.
  const sessionBytes = Math.max(memory.shareBytes, settings.bytesPerStream)
  const readers = createStreamReaders({ ...needs, sessionBytes })
  const shared: JournalledOutputNeeds = {
    journals,
    readers,
    settings,
    memory,
    sessionBytes,
    instance: shortName(),
    expiredText,
  }
  return {
    createOutput: (liveSession) => new JournalledOutput(shared, liveSession),
    release: (retryMs) => readers.release(retryMs),
    get open() {
      return readers.count
    },
  }
}
