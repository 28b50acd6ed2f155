/** The settings `auth` with what has to be read for them. */
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { type FilesStamp, stampFiles } from '../base/watch-files.ts'
import { readIssuerLine, type TrustedIssuer } from './issuer-line.ts'
import { type KeyRecord, readKeyLine } from './key-record.ts'
import { readKeysFile } from './keys-file.ts'
import { KnownKeys } from './known-keys.ts'
import type { AuthSettings } from './options.ts'
import { ProxyCallers } from './proxy-callers.ts'
import { ScopeRules } from './scope-rules.ts'
import { Tokens } from './tokens.ts'

/** Settings with what was read for them. */
export interface ReadyAuth {
  readonly settings: AuthSettings
  /** The API keys that are accepted; undefined if none are. */
  readonly keys: KnownKeys | undefined
  /** Those of them that the file has. */
  readonly fileKeys: readonly KeyRecord[]
  /** What the file of keys was like just before it was read. */
  readonly stamp: FilesStamp
  /** When that was, by the clock of the process. */
  readonly readAtMs: number
  /** The issuers whose tokens are accepted. */
  readonly issuers: readonly TrustedIssuer[]
  readonly tokens: Tokens | undefined
  /** Those whom a proxy has authenticated; undefined if no proxy may. */
  readonly proxy: ProxyCallers | undefined
  readonly rules: ScopeRules
}

/**
 * @param before what is in force: it hands on what is known of the issuers
 * @throws KeysFileError
 */
export function prepareAuth(
  settings: AuthSettings,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  before?: ReadyAuth,
): ReadyAuth {
  const { publicUrl } = settings
  const issuers = settings.methods.includes('oauth')
    ? settings.issuers.flatMap((line) => readIssuerLine(line) ?? [])
    : []
  return {
    settings,
    ...readKeys(settings),
    readAtMs: clock.now(),
    issuers,
    tokens: settings.methods.includes('oauth')
      ? new Tokens(issuers, clock, log, { tokens: before?.tokens, publicUrl })
      : undefined,
    proxy: settings.methods.includes('proxy') ? new ProxyCallers(settings, before?.proxy) : undefined,
    rules: new ScopeRules(settings.scopes),
  }
}

/**
 * The API keys of the settings and of their file.
 * @throws KeysFileError
 */
export function readKeys(settings: AuthSettings): Pick<ReadyAuth, 'keys' | 'fileKeys' | 'stamp'> {
  const { methods, keysFile } = settings
  const paths = keysFile === undefined ? [] : [keysFile]
  const stamp = stampFiles(paths)
  if (!methods.includes('keys')) return { keys: undefined, fileKeys: [], stamp }
  const fileKeys = paths.flatMap(readKeysFile)
  return { keys: keysOf(settings, fileKeys), fileKeys, stamp }
}

function keysOf({ keys }: AuthSettings, fileKeys: readonly KeyRecord[]): KnownKeys {
  return new KnownKeys([...keys.flatMap((line) => readKeyLine(line) ?? []), ...fileKeys])
}

/**
 * Settings that were prepared a while ago, with the file of keys as it is now: a key that was revoked since then stays
 * revoked. If the file cannot be used, its keys are those that were read last.
 * @param inForce the settings before
 * @param failed called with the error of a file that cannot be used
 */
export function withKeysOfNow(
  ready: ReadyAuth,
  inForce: ReadyAuth,
  clock: Clock,
  failed: (error: unknown) => void,
): ReadyAuth {
  const { settings, keys } = ready
  const { keysFile } = settings
  if (!keys || keysFile === undefined) return ready
  const stamp = stampFiles([keysFile])
  if (stamp.get(keysFile) === ready.stamp.get(keysFile)) return ready
  try {
    return { ...ready, ...readKeys(settings), readAtMs: clock.now() }
  } catch (error) {
    failed(error)
    const wasReadLater = inForce.keys && inForce.settings.keysFile === keysFile && inForce.readAtMs >= ready.readAtMs
    const fileKeys = wasReadLater ? inForce.fileKeys : ready.fileKeys
    return { ...ready, keys: keysOf(settings, fileKeys), fileKeys, stamp }
  }
}
