/**
 * What is kept of a sign-in between two starts of `mcplex connect`: one file for each endpoint and client id, which only
 * its user can read. Another user who can read it has the tokens, and one who can write it can have this user send messages
 * under another name: such a file is not used.
 */
import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { Cancel } from '../../base/cancel.ts'
import type { Clock } from '../../base/clock.ts'
import { isObject, type JsonObject } from '../../base/json.ts'
import { createFileLock } from '../../shared-resources/file-lock.ts'
import { writeFileAtomic } from '../../shared-resources/write-file-atomic.ts'
import { SignInFault } from './sign-in-fault.ts'

/** The content of the file. Parts that the client package has made are kept as it made them. */
export interface KeptSignIn {
  /** The registration at the authorization server, and where it sends the browser back to. */
  readonly client?: { readonly information: JsonObject; readonly redirectUrl: string } | undefined
  readonly tokens?: KeptTokens | undefined
}

export interface KeptTokens {
  /** The answer of the authorization server, with its issuer. */
  readonly answer: JsonObject & { readonly access_token: string }
  /** When the token ends, in milliseconds since the epoch; undefined if that was not said. */
  readonly endsMs?: number | undefined
}

export interface SignInFile {
  readonly path: string
  /** Undefined if there is none. @throws SignInFault `sign_in_file` */
  read(): Promise<KeptSignIn | undefined>
  /** @throws SignInFault `sign_in_file` */
  write(kept: KeptSignIn): Promise<void>
  /**
   * Runs a task while no other process of this user runs one for the same file.
   * @param waitMs how long another one may take
   * @throws SignInFault, and what the task throws
   */
  locked<Value>(waitMs: number, task: () => Promise<Value>): Promise<Value>
}

/** The lock of a process that has died is free after this time. */
const lockTtlMs = 10_000
const mostBytes = 1024 ** 2

/** `$XDG_STATE_HOME/mcplex/sign-ins`, or the same below `~/.local/state`. */
export function signInFolder(env: Readonly<Record<string, string | undefined>>): string {
  const state = env['XDG_STATE_HOME']
  const base = state !== undefined && isAbsolute(state) ? state : join(env['HOME'] ?? homedir(), '.local', 'state')
  return join(base, 'mcplex', 'sign-ins')
}

/** @param clientId part of the name: what one client has got is not for another */
export function createSignInFile(
  folder: string,
  endpoint: URL,
  clientId: string | undefined,
  clock: Clock,
): SignInFile {
  const place = `${endpoint.origin}${endpoint.pathname}${endpoint.search}`
  const name = createHash('sha256')
    .update(`${place}\n${clientId ?? ''}`)
    .digest('hex')
    .slice(0, 32)
  const path = join(folder, `${endpoint.hostname.replaceAll(/[^a-z0-9.-]/gi, '_').slice(0, 64)}-${name}.json`)
  const openFolder = (): void => {
    try {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    } catch (error) {
      throw unwritable(path, error)
    }
  }
  const acquire = createFileLock({ resource: `lock(${JSON.stringify(path)})`, path, ttlMs: lockTtlMs, clock })

  return {
    path,
    read: () => read(path, place),
    async write(kept) {
      openFolder()
      try {
        await writeFileAtomic(path, `${JSON.stringify({ format: 1, endpoint: place, ...kept }, null, 2)}\n`, {
          mode: 0o600,
        })
      } catch (error) {
        throw unwritable(path, error)
      }
    },
    async locked(waitMs, task) {
      openFolder()
      const controller = new AbortController()
      const attempt = { signal: controller.signal, cancel: new Cancel(), dueMs: clock.now() + waitMs, lost: () => {} }
      const held = await acquire(attempt).catch((error: unknown) => {
        throw new SignInFault('sign_in_file', `${path} is locked, or cannot be: ${wordsOf(error)}`, [
          ['try', 'again when the other mcplex connect has signed in'],
        ])
      })
      try {
        return await task()
      } finally {
        await held.release(false)
      }
    },
  }
}

async function read(path: string, place: string): Promise<KeptSignIn | undefined> {
  let text: string
  try {
    const file = await open(path, 'r')
    try {
      const { mode, uid, size } = await file.stat()
      checkAccess(path, mode, uid)
      if (size > mostBytes) throw unreadable(path, 'is larger than such a file is')
      text = await file.readFile('utf8')
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof SignInFault) throw error
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw unreadable(path, `cannot be read: ${wordsOf(error)}`)
  }
  const value = parsed(text)
  if (!isObject(value) || value['format'] !== 1 || value['endpoint'] !== place)
    throw unreadable(path, 'is not as mcplex connect writes it')
  const { client, tokens } = value
  return { client: clientOf(client), tokens: tokensOf(tokens) }
}

function checkAccess(path: string, mode: number, uid: number): void {
  // There, the mode says nothing of other users.
  if (process.platform === 'win32') return
  if (uid !== process.getuid?.()) throw unreadable(path, `belongs to another user (${uid})`)
  if ((mode & 0o077) === 0) return
  throw new SignInFault(
    'sign_in_file',
    `${path} holds tokens and is open to other users of this machine (mode ${(mode & 0o777).toString(8)})`,
    [
      ['try', `rm ${JSON.stringify(path)} and sign in again: others may have the tokens`],
      ['or', `chmod 600 ${JSON.stringify(path)} if nobody else has used it`],
    ],
  )
}

function clientOf(value: unknown): KeptSignIn['client'] {
  if (!isObject(value)) return undefined
  const { information, redirectUrl } = value
  return isObject(information) && typeof redirectUrl === 'string' && URL.canParse(redirectUrl)
    ? { information, redirectUrl }
    : undefined
}

function tokensOf(value: unknown): KeptTokens | undefined {
  if (!isObject(value)) return undefined
  const { answer, endsMs } = value
  const token = isObject(answer) ? answer['access_token'] : undefined
  if (!isObject(answer) || typeof token !== 'string') return undefined
  return { answer: { ...answer, access_token: token }, endsMs: typeof endsMs === 'number' ? endsMs : undefined }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function unreadable(path: string, what: string): SignInFault {
  return new SignInFault('sign_in_file', `${path} ${what}`, [['try', `rm ${JSON.stringify(path)} and sign in again`]])
}

function unwritable(path: string, error: unknown): SignInFault {
  return new SignInFault('sign_in_file', `${path} cannot be written: ${wordsOf(error)}`, [
    ['try', 'another folder in XDG_STATE_HOME'],
  ])
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
