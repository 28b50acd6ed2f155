/**
 * The members that were missing in an answer. Each is logged once, and asked again in the background until it answers;
 * then the clients are told that the lists have changed, so that no member is missing for ever.
 */
import type { Clock, Timer } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { ofMember } from './member.ts'

/** The first pause before a missing member is asked again, and the longest, in milliseconds. */
const firstPauseMs = 1000
const longestPauseMs = 60_000

interface MissingMember {
  readonly sinceMs: number
  /** The pause before it is asked the next time. */
  pauseMs: number
  timer: Timer | undefined
  /** When it was last there again. */
  backMs: number
}

export interface MissingMembers {
  /**
   * Notes that a member was missing.
   * @param ask asks it for the same again
   * @param hasOlder whether clients are shown what was known before instead
   */
  note(member: string, reason: string, ask: () => Promise<unknown>, hasOlder: boolean): void
  /** A member has answered what it was noted as missing for. */
  answered(member: string): void
  /** Whether a member was missing and has not answered since: nothing waits for it. */
  isMissing(member: string): boolean
  /** Forgets the members that are not among these. */
  keep(members: ReadonlySet<string>): void
  close(): void
}

export function createMissingMembers(needs: {
  readonly memberWaitMs: number
  readonly clock: Clock
  readonly log: Log
  /** A member is there again. */
  readonly onBack: () => void
}): MissingMembers {
  const { memberWaitMs, clock, log, onBack } = needs
  const all = new Map<string, MissingMember>()
  let isClosed = false

  const askLater = (member: string, missing: MissingMember, ask: () => Promise<unknown>): void => {
    missing.timer = clock.after(missing.pauseMs, () => void askAgain(member, missing, ask))
    // Also after it was back: a member that comes and goes must not make all clients list again and again.
    missing.pauseMs = Math.min(2 * missing.pauseMs, longestPauseMs)
  }

  const isBack = (member: string, missing: MissingMember): void => {
    missing.timer?.stop()
    missing.timer = undefined
    missing.backMs = clock.now()
    log.info({ upstream: member, missingMs: clock.now() - missing.sinceMs }, 'the lists of an upstream are there again')
    onBack()
  }

  const askAgain = async (member: string, missing: MissingMember, ask: () => Promise<unknown>): Promise<void> => {
    const given = await ofMember(member, ask(), memberWaitMs, clock)
    if (isClosed || all.get(member) !== missing || missing.timer === undefined) return
    if ('value' in given) isBack(member, missing)
    else askLater(member, missing, ask)
  }

  return {
    note(member, reason, ask, hasOlder) {
      const before = all.get(member)
      if (isClosed || before?.timer) return
      log.warn(
        { upstream: member, reason },
        hasOlder ? 'the lists of an upstream are old' : 'the lists of an upstream are missing',
      )
      const now = clock.now()
      const isNew = before === undefined || now - before.backMs > longestPauseMs
      const pauseMs = isNew ? firstPauseMs : before.pauseMs
      const missing: MissingMember = { sinceMs: now, pauseMs, timer: undefined, backMs: 0 }
      all.set(member, missing)
      askLater(member, missing, ask)
    },
    answered(member) {
      const missing = all.get(member)
      if (missing?.timer) isBack(member, missing)
    },
    isMissing: (member) => all.get(member)?.timer !== undefined,
    keep(members) {
      for (const [member, { timer }] of all) {
        if (members.has(member)) continue
        timer?.stop()
        all.delete(member)
      }
    },
    close() {
      isClosed = true
      for (const { timer } of all.values()) timer?.stop()
      all.clear()
    },
  }
}
