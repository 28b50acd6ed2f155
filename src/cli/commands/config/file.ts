/**
 * Replacing a file of somebody else: all of it or nothing, with its mode kept, links followed, and the former text kept
 * beside it under a name that no earlier backup has.
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
import { wallMs } from '../../../base/clock.ts'

/** Nobody takes so long to write a file, in milliseconds. */
const staleMs = 10_000

/** A file that others changed between our reading and our writing. */
export class ChangedMeanwhile extends Error {
  constructor(path: string) {
    super(`${path} was changed by another program at the same time`)
    this.name = 'ChangedMeanwhile'
  }
}

/** What is there is no file that a text can be put into. */
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
    // A pipe or a device would be waited for without end, or replaced.
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
 * Writes a file, with the folders that lead to it.
 * @param before its text as it was read; undefined if there was no file
 * @returns the path of the backup, if there was something to keep
 * @throws ChangedMeanwhile, or node's error; the file is as it was then
 */
export async function replaceFile(path: string, before: string | undefined, text: string): Promise<string | undefined> {
  const real = await followed(path)
  await mkdir(dirname(real), { recursive: true })
  const mode = before === undefined ? 0o666 : (await stat(real)).mode & 0o7777
  const temporary = `${real}.mcplex.tmp`
  const file = await openAlone(temporary, mode, path)
  try {
    try {
      await file.writeFile(text)
      // What the umask took from it.
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
 * Opens the file that shall replace another. It is there for as long as one of us is at it, so that of several who
 * have read the same text only one replaces it; what one left behind that was killed counts for so long only.
 */
async function openAlone(temporary: string, mode: number, path: string): Promise<FileHandle> {
  const age = await stat(temporary).then(
    // A clock that was set back makes old files look as if they were yet to come.
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

/** Copies a file to the first free name of its backups. */
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

/** Where a path leads, links followed, even if there is nothing yet. */
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
  // A circle of links is ELOOP before it gets here.
  // A link is meant from where it is, whichever way led there.
  return isLink ? followed(resolve(await realpath(dirname(path)), await readlink(path))) : path
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
