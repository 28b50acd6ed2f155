/**
 * Replacing a file of somebody else: all of it or nothing, with its mode kept, links followed, and the former text kept
 * beside it under a name that no earlier backup has.
 */
import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, lstat, mkdir, open, readFile, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** A file that others changed between our reading and our writing. */
export class ChangedMeanwhile extends Error {
  constructor(path: string) {
    super(`${path} was changed by another program at the same time`)
    this.name = 'ChangedMeanwhile'
  }
}

/** The text of a file; undefined if there is none. Rejects with node's error otherwise. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
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
  const temporary = `${real}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', mode)
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
  return isLink ? followed(resolve(dirname(path), await readlink(path))) : path
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
