/**
 * Replaces a file of another program atomically: its mode is kept unless it is to be private, links are followed, and the old text is kept beside
 * it under a name that no earlier backup has.
 */
import { isUtf8 } from 'node:buffer'
import { constants } from 'node:fs'
import {
  copyFile,
  type FileHandle,
  lstat,
  mkdir,
  open,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  stat,
} from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { wallMs } from '../base/clock.ts'

/** A temporary file older than this was left by a killed process, in milliseconds. */
const staleMs = 10_000

/** The file was changed by another program between our read and our write. */
export class ChangedMeanwhile extends Error {
  constructor(path: string) {
    super(`${path} was changed by another program at the same time`)
    this.name = 'ChangedMeanwhile'
  }
}

/** The path is no text file. */
export class NoTextFile extends Error {
  constructor(path: string, why: string) {
    super(`${path} ${why}`)
    this.name = 'NoTextFile'
  }
}

/**
 * The text of a file; undefined if there is none.
 * @throws NoTextFile, or node's error
 */
export async function readText(path: string): Promise<string | undefined> {
  try {
    // Reading a pipe or a device could block for ever, and replacing it would be wrong.
    if (!(await stat(path)).isFile()) throw new NoTextFile(path, 'is no file')
    const bytes = await readFile(path)
    if (!isUtf8(bytes)) throw new NoTextFile(path, 'is not text in UTF-8')
    return bytes.toString('utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Writes a file, and creates its folders.
 * @param before its text as read before; undefined if there was no file
 * @param isPrivate whether only its owner may read it from now on, also if others could read it before
 * @returns the path of the backup; undefined if there was no file
 * @throws ChangedMeanwhile, or Node's error; the file is then unchanged
 */
export async function replaceFile(
  path: string,
  before: string | undefined,
  text: string,
  isPrivate = false,
): Promise<string | undefined> {
  const real = await followed(path)
  await mkdir(dirname(real), { recursive: true })
  const most = isPrivate ? 0o600 : 0o7777
  const mode = (before === undefined ? 0o666 : (await stat(real)).mode) & most
  const temporary = `${real}.mcplex.tmp`
  const file = await openAlone(temporary, mode, path)
  try {
    try {
      await file.writeFile(text)
      // `open` has applied the umask to the mode.
      if (before !== undefined) await file.chmod(mode)
      await file.sync()
    } finally {
      await file.close()
    }
    if ((await readText(real)) !== before) throw new ChangedMeanwhile(path)
    const backup = before === undefined ? undefined : await keep(real)
    await rename(temporary, real)
    return backup
  } finally {
    await rm(temporary, { force: true })
  }
}

/**
 * Opens the temporary file that will replace another one. It is also a lock: of several processes that have read the
 * same text, only one replaces the file. One left by a killed process is removed once it is stale.
 */
async function openAlone(temporary: string, mode: number, path: string): Promise<FileHandle> {
  const age = await stat(temporary).then(
    // If the clock was set back, old files have times in the future.
    ({ mtimeMs }) => Math.abs(wallMs() - mtimeMs),
    () => 0,
  )
  if (age > staleMs) await rm(temporary, { force: true })
  try {
    return await open(temporary, 'wx', mode)
  } catch (error) {
    throw codeOf(error) === 'EEXIST' ? new ChangedMeanwhile(path) : error
  }
}

/** Copies a file to the first free backup name. */
async function keep(path: string): Promise<string> {
  for (let n = 1; ; n++) {
    const backup = `${path}.bak-${n}`
    try {
      await copyFile(path, backup, constants.COPYFILE_EXCL)
      return backup
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
    }
  }
}

/** The target of a path with all links followed, even if it does not exist yet. */
async function followed(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  const isLink = await lstat(path).then(
    (found) => found.isSymbolicLink(),
    () => false,
  )
  // Links in a circle have failed with ELOOP already. The target of a link is relative to the folder of the link.
  return isLink ? followed(resolve(await realpath(dirname(path)), await readlink(path))) : path
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
