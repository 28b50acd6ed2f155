/**
 * What the edge refused, in the log: an operator behind a proxy that is set up wrong sees why nobody gets in. At most
 * one line a second for each code, as anybody can cause them; those left out are counted. What the gateway refuses is
 * its own to tell.
 */
import type { Clock } from '../../base/clock.ts'
import type { Log, LogFields } from '../../base/log.ts'
import type { RefusalCode } from '../../base/refusal.ts'

const spanMs = 1000
const maxShown = 100

export interface RefusalLog {
  /** Logs a refusal, or counts it; `fields` may hold nothing secret, and nothing longer than `shown` leaves. */
  refused(code: RefusalCode, fields?: LogFields): void
}

export function createRefusalLog(log: Log, clock: Clock): RefusalLog {
  /** How many were left out, for each code that was logged within the last second. */
  const skipped = new Map<RefusalCode, number>()

  function begin(code: RefusalCode): void {
    skipped.set(code, 0)
    clock.after(spanMs, () => {
      const count = skipped.get(code) ?? 0
      skipped.delete(code)
      if (count === 0) return
      log.info({ what: 'refused', code, skipped: count }, 'lines skipped')
      begin(code)
    })
  }

  return {
    refused(code, fields = {}) {
      const count = skipped.get(code)
      if (count !== undefined) {
        skipped.set(code, count + 1)
        return
      }
      log.info({ code, ...fields }, 'refused')
      begin(code)
    },
  }
}

/** What a stranger sent, for the log: its first 100 characters, control characters written as `\xNN`. */
export function shown(text: string): string {
  return text
    .slice(0, maxShown)
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
