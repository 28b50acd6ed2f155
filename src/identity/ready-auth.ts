/** The settings `auth` with what has to be read for them. */
import { readKeyLine } from './key-record.ts'
import { readKeysFile } from './keys-file.ts'
import { KnownKeys } from './known-keys.ts'
import type { AuthSettings } from './options.ts'

/** Settings with what was read for them. */
export interface ReadyAuth {
  readonly settings: AuthSettings
  readonly keys: KnownKeys | undefined
}

/** @throws KeysFileError */
export function prepareAuth(settings: AuthSettings): ReadyAuth {
  if (!settings.methods.includes('keys')) return { settings, keys: undefined }
  const written = settings.keys.flatMap((line) => readKeyLine(line) ?? [])
  const filed = settings.keysFile === undefined ? [] : readKeysFile(settings.keysFile)
  return { settings, keys: new KnownKeys([...written, ...filed]) }
}
