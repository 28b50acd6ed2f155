/**
 * Streams that are over and can still be resumed: bounded for each session, so that what a client was sent is not
 * remembered without end. The oldest are forgotten first; who comes back for them is told.
 */
import type { Journals } from '../backplane/backplane.ts'
import type { LiveSession } from './sessions.ts'

/** As much as so many full streams, and so many streams at most. */
const maxFull = 2
const maxStreams = 256
/** What the name of one takes, which may outlive what is kept of it. In bytes. */
const nameBytes = 256

interface Ended {
  readonly journal: string
  /** What it still holds, at most. */
  readonly bytes: number
}

export interface EndedStreams {
  /** Notes a stream that has ended, and forgets others if there are too many. */
  keep(liveSession: LiveSession, ended: Ended): Promise<void>
}

export function createEndedStreams(journals: Journals, bytesPerStream: number): EndedStreams {
  const bySession = new WeakMap<LiveSession, Ended[]>()
  return {
    async keep(liveSession, ended) {
      const kept = bySession.get(liveSession) ?? []
      bySession.set(liveSession, kept)
      kept.push(ended)
      liveSession.memory.add(nameBytes)
      let bytes = kept.reduce((sum, stream) => sum + stream.bytes, 0)
      while (kept.length > 1 && (bytes > maxFull * bytesPerStream || kept.length > maxStreams)) {
        const oldest = kept.shift()
        liveSession.memory.release(nameBytes)
        bytes -= oldest?.bytes ?? 0
        if (oldest) await journals.drop(oldest.journal)
      }
    },
  }
}
