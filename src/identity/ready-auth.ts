/** The settings `auth` with what has to be read for them. */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type FilesStamp, stampFiles } from '../base/watch-files.ts'
import { readIssuerLine, type TrustedIssuer } from './issuer-line.ts'
import { readKeyLine } from './key-record.ts'
import { readKeysFile } from './keys-file.ts'
import { KnownKeys } from './known-keys.ts'
import type { AuthSettings } from './options.ts'
import { ScopeRules } from './scope-rules.ts'
import { Tokens } from './tokens.ts'

/** Settings with what was read for them. */
export interface ReadyAuth {
  readonly settings: AuthSettings
  /** The API keys that are accepted; undefined if none are. */
  readonly keys: KnownKeys | undefined
  /** What the file of keys was like just before it was read. */
  readonly stamp: FilesStamp
  /** The issuers whose tokens are accepted. */
  readonly issuers: readonly TrustedIssuer[]
  readonly tokens: Tokens | undefined
  readonly rules: ScopeRules
}

/** @throws KeysFileError */
export function prepareAuth(
  settings: AuthSettings,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): ReadyAuth {
  const issuers = settings.methods.includes('oauth')
    ? settings.issuers.flatMap((line) => readIssuerLine(line) ?? [])
    : []
  return {
    settings,
    ...readKeys(settings),
    issuers,
    tokens: settings.methods.includes('oauth') ? new Tokens(issuers, clock, log) : undefined,
    rules: new ScopeRules(settings.scopes),
  }
}

/**
 * The API keys of the settings and of their file.
 * @throws KeysFileError
 */
export function readKeys({ methods, keys, keysFile }: AuthSettings): Pick<ReadyAuth, 'keys' | 'stamp'> {
  const paths = keysFile === undefined ? [] : [keysFile]
  const stamp = stampFiles(paths)
  if (!methods.includes('keys')) return { keys: undefined, stamp }
  const written = keys.flatMap((line) => readKeyLine(line) ?? [])
  return { keys: new KnownKeys([...written, ...paths.flatMap(readKeysFile)]), stamp }
}
