/**
 * The tokens of the address for operators, as they are at each moment: other ones take effect with a reload of the settings,
 * and within a second of a change of their file. If that cannot be used, the tokens before stay in force.
 */
import { randomBytes } from 'node:crypto'
import type { AdminToken } from '../../../admin/admin-tokens.ts'
import { rights } from '../../../admin/api.ts'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { stampFiles, watchFiles } from '../../../base/watch-files.ts'
import type { AdminSettings } from '../../../config/admin-options.ts'
import { givenTokens } from '../../../config/admin-token.ts'

/** The settings that matter here. */
export type TokenSettings = Pick<AdminSettings, 'tokenFile' | 'tokens'>

export interface OperatorTokens {
  /** Those that are accepted now. */
  readonly current: readonly AdminToken[]
  /** The one that was made because none was given; undefined if some were. */
  readonly made: string | undefined
  /** Takes over other settings. */
  take(settings: TokenSettings): void
  stop(): void
}

/** Together less than a second, as for API keys. */
const lookEveryMs = 500
const settleMs = 50

/** @returns why the tokens cannot be used, in a sentence without any of them */
export function createOperatorTokens(
  first: TokenSettings,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): OperatorTokens | { readonly fault: string } {
  let settings = first
  const paths = (): readonly string[] => (settings.tokenFile === undefined ? [] : [settings.tokenFile])
  const since = stampFiles(paths())
  const given = givenTokens(first)
  if ('fault' in given) return given
  const made = given.length === 0 ? randomBytes(32).toString('base64url') : undefined
  const ofMade: readonly AdminToken[] = made === undefined ? [] : [{ token: made, rights: new Set(rights) }]
  let current: readonly AdminToken[] = [...ofMade, ...given.map(withRights)]

  const read = (because: string): void => {
    const next = givenTokens(settings)
    if ('fault' in next)
      return log.error({ fault: next.fault }, 'the tokens for operators were not read: those before stay in force')
    if (next.length === 0 && made === undefined)
      log.warn({}, 'no token for operators is given any more: the address is closed to all until there is one')
    current = next.length === 0 ? ofMade : next.map(withRights)
    log.info({ because, tokens: current.length }, 'the tokens for operators were read again')
  }
  const changed = (): void => read('their file has changed')
  const stop = watchFiles({ paths, everyMs: lookEveryMs, since, settleMs, changed }, clock)
  return {
    get current() {
      return current
    },
    made,
    take(next) {
      settings = next
      read('the settings were read again')
    },
    stop,
  }
}

function withRights({
  token,
  rights: names,
}: {
  readonly token: string
  readonly rights: readonly string[]
}): AdminToken {
  return { token, rights: new Set(rights.filter((right) => names.includes(right))) }
}
