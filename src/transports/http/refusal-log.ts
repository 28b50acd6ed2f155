/**
 * Logs refusals of the HTTP transport, so that an operator sees why requests fail, for example behind a misconfigured
 * proxy. At most one line a second for each code, because any client can cause them; skipped lines are counted. The
 * gateway reports its own refusals.
 */
import type { Clock } from '../../base/clock.ts'
import type { Log, LogFields } from '../../base/log.ts'
import type { RefusalCode } from '../../base/refusal.ts'

const spanMs = 1000
const maxShownChars = 100

export interface RefusalLog {
  /** Logs a refusal, or counts it; `fields` must hold no secrets, and client input only as `shown` returns it. */
  refused(code: RefusalCode, fields?: LogFields): void
}

export function createRefusalLog(log: Log, clock: Clock): RefusalLog {
  /** How many lines were skipped, for each code that was logged within the last second. */
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

/** Client input for the log: its first 100 characters, with control characters written as `\xNN`. */
export function shown(text: string): string {
  return text
    .slice(0, maxShownChars)
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
