/**
 * Logs refusals of the HTTP transport, so that an operator sees why requests fail, for example behind a misconfigured
 * proxy. At most one line a second for each code, because any client can cause them; skipped lines are counted. The
 * gateway reports its own refusals.
 */
import type { Clock } from '../../base/clock.ts'
import { LineLimit } from '../../base/line-limit.ts'
import type { Log, LogFields } from '../../base/log.ts'
import type { RefusalCode } from '../../base/refusal.ts'

const maxShownChars = 100

export interface RefusalLog {
  /** Logs a refusal, or counts it; `fields` must hold no secrets, and client input only as `shown` returns it. */
  refused(code: RefusalCode, fields?: LogFields): void
}

export function createRefusalLog(log: Log, clock: Clock): RefusalLog {
  const limit = new LineLimit<RefusalCode>(clock, 1, (code, skipped) =>
    log.info({ what: 'refused', code, skipped }, 'lines skipped'),
  )
  return {
    refused(code, fields = {}) {
      if (limit.allows(code)) log.info({ code, ...fields }, 'refused')
    },
  }
}

/** Client input for the log: its first 100 characters, with control characters written as `\xNN`. */
export function shown(text: string): string {
  return text
    .slice(0, maxShownChars)
    .replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}
