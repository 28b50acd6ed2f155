/** The file of API keys: reads and writes its text. Whoever can write it can make keys, so nobody but its owner may. */
import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, type Stats, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { isObject } from '../base/json.ts'
import { type KeyRecord, readKeyRecord, writeKeyRecord } from './key-record.ts'

/** Some 30,000 keys. */
const maxBytes = 8 * 1024 ** 2

/** The file of keys cannot be used. Its message names the file and the fault. */
export class KeysFileError extends Error {
  constructor(path: string, fault: string) {
    super(`the keys file ${path} ${fault}`)
    this.name = 'KeysFileError'
  }
}

/**
 * The keys of a file; none if it is not there: the first `mcplex keys create` writes it.
 * @throws KeysFileError if it cannot be read, other users may write or replace it, or it is not as `writeKeys` writes it
 */
export function readKeysFile(path: string): readonly KeyRecord[] {
  return readKeysOf(path, process.geteuid?.())
}

/**
 * As `readKeysFile`, for the commands of operators: root may list and change the keys of the user as whom mcplex runs.
 * @throws KeysFileError
 */
export function readKeysFileForCommand(path: string): readonly KeyRecord[] {
  const user = process.geteuid?.()
  return readKeysOf(path, user === 0 ? undefined : user)
}

/** @param user the id of the user who may own the file, beside root; undefined for any user */
function readKeysOf(path: string, user: number | undefined): readonly KeyRecord[] {
  const text = readText(path, user)
  return text === undefined ? [] : readKeys(path, text)
}

/** @throws KeysFileError */
function readText(path: string, user: number | undefined): string | undefined {
  let file: number | undefined
  try {
    // What is checked is what is read. Opening a pipe must not wait for its writer; Windows has no such flag.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stats = fstatSync(file)
    if (!stats.isFile()) throw new KeysFileError(path, 'is no file')
    if (stats.size > maxBytes) throw new KeysFileError(path, `has more than ${maxBytes} bytes`)
    // Windows has no such owners and modes.
    if (process.platform !== 'win32') checkWriters(path, stats, user)
    const bytes = readFileSync(file)
    if (!isUtf8(bytes)) throw new KeysFileError(path, 'is not text in UTF-8')
    return bytes.toString('utf8')
  } catch (error) {
    if (error instanceof KeysFileError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    if (code === 'ENOENT') return undefined
    throw new KeysFileError(path, `cannot be read (${code})`)
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/**
 * Who can write the file, or put another one in its place, can make keys.
 * @throws KeysFileError
 */
function checkWriters(path: string, { uid, mode }: Stats, user: number | undefined): void {
  if (user !== undefined && uid !== user && uid !== 0)
    throw new KeysFileError(
      path,
      `belongs to another user (${uid}), who could add keys: have it belong to the user of mcplex (${user}) or to root, with chown`,
    )
  if ((mode & 0o022) !== 0)
    throw new KeysFileError(path, 'may be written by other users, who could add keys of their own: chmod 600')
  for (const folder of new Set([dirname(path), dirname(realpathSync(path))])) {
    const { mode: ofFolder } = statSync(folder)
    // In a folder such as /tmp only its owner can replace a file.
    if ((ofFolder & 0o002) !== 0 && (ofFolder & 0o1000) === 0)
      throw new KeysFileError(path, `is in ${folder}, where every user could replace it: chmod o-w for the folder`)
  }
}

/** @throws KeysFileError */
function readKeys(path: string, text: string): readonly KeyRecord[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The error of the parser has a part of the text in it.
    throw new KeysFileError(path, 'is not JSON')
  }
  const keys = isObject(value) && value['version'] === 1 && Object.keys(value).length === 2 ? value['keys'] : undefined
  if (!Array.isArray(keys)) throw new KeysFileError(path, 'is not { "version": 1, "keys": [...] }')
  const ids = new Set<string>()
  return keys.map((one: unknown, at) => {
    const read = readKeyRecord(one)
    if ('fault' in read) throw new KeysFileError(path, `has a fault in keys[${at}]: it ${read.fault}`)
    if (ids.has(read.id)) throw new KeysFileError(path, `has the key ${read.id} twice`)
    ids.add(read.id)
    return read
  })
}

/** The text of a file with these keys. */
export function writeKeys(keys: readonly KeyRecord[]): string {
  return `${JSON.stringify({ version: 1, keys: keys.map(writeKeyRecord) }, undefined, 2)}\n`
}
