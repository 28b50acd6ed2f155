/** The key of `connect`, from a variable or a file: a key in an argument could be seen. */
import { readFile, stat } from 'node:fs/promises'
import type { Log } from '../../../base/log.ts'
import type { ClientCredentials } from '../../../client/client-credentials.ts'
import type { Environment } from '../../../config/environment.ts'
import { CommandFailed } from '../../failures.ts'
import { usualKeyEnv } from './usual-key-env.ts'

const mostBytes = 16_384

/** The key that a variable or a file holds, and where it is. */
export interface GivenKey {
  /** Completes `the key in`. */
  readonly place: string
  readonly credentials: ClientCredentials
}

/**
 * The key of the file, or else of the variable; undefined if neither is given.
 * @param onKey called with each key, which no log may show
 * @throws CommandFailed
 */
export async function givenKey(
  { keyEnv, keyFile }: { readonly keyEnv: string; readonly keyFile: string | undefined },
  { env }: Environment,
  log: Log,
  onKey: (key: string) => void,
): Promise<GivenKey | undefined> {
  if (keyFile !== undefined) {
    await warnOfOthers(keyFile, log)
    const key = await keyInFile(keyFile)
    onKey(key)
    return { place: keyFile, credentials: ofFile(keyFile, key, onKey) }
  }
  const key = keyIn(env, keyEnv)
  if (key === undefined) return undefined
  onKey(key)
  return { place: keyEnv, credentials: { bearer: () => Promise.resolve(key), renew: () => Promise.resolve(false) } }
}

/** A key that was refused may have been rotated: the file is read again. */
function ofFile(path: string, first: string, onKey: (key: string) => void): ClientCredentials {
  let key = first
  return {
    bearer: () => Promise.resolve(key),
    async renew({ bearer }) {
      const now = await keyInFile(path).catch(() => undefined)
      if (now === undefined || now === bearer) return false
      onKey(now)
      key = now
      return true
    },
  }
}

async function keyInFile(path: string): Promise<string> {
  let text: string
  try {
    const { size } = await stat(path)
    text = size > mostBytes ? '' : (await readFile(path, 'utf8')).trim()
  } catch (error) {
    throw failed(`the file of --key-file cannot be read: ${error instanceof Error ? error.message : String(error)}`, [
      ['try', 'the path of a file that this user may read'],
    ])
  }
  return checked(text, path)
}

async function warnOfOthers(path: string, log: Log): Promise<void> {
  // There, the mode says nothing of other users.
  if (process.platform === 'win32') return
  const found = await stat(path).catch(() => undefined)
  if (found && (found.mode & 0o006) !== 0)
    log.warn({ path }, 'other users of this machine can use the file with the key: chmod 600')
}

function keyIn(env: Environment['env'], keyEnv: string): string | undefined {
  const key = env[keyEnv]
  if (key !== undefined && key !== '') return checked(key, keyEnv)
  if (keyEnv === usualKeyEnv) return undefined
  throw failed(`the variable ${keyEnv}, which --key-env names, is not set`, [
    ['try', `${keyEnv}=... mcplex connect --key-env ${keyEnv} URL`],
  ])
}

/** The key is not shown: it is a secret. */
function checked(key: string, place: string): string {
  if (/^[\x21-\x7e]+$/.test(key)) return key
  throw failed(`${place} holds ${key === '' ? 'no key' : 'blanks, or characters that no header can carry'}`, [
    ['accepted', 'letters, digits and punctuation of ASCII, without blanks'],
  ])
}

function failed(message: string, notes: ReadonlyArray<readonly [string, string]>): CommandFailed {
  return new CommandFailed([{ code: 'config_value', message, notes }])
}
