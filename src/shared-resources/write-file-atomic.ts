/** `writeFileAtomic` of `mcplex/tools`. */
import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { type FileHandle, open, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

export interface WriteFileAtomicOptions {
  /** Nothing is written once it is aborted: give it that of the lock, so that a task which has lost the lock writes nothing. */
  readonly signal?: AbortSignal
  /** The mode of a new file; an old one keeps its own, and its owner and group. */
  readonly mode?: number
}

/**
 * Writes a file in one step: a reader finds the old content or the new one, never a part, also if the machine stops
 * meanwhile. A link is followed. Throws as `fs.writeFile` does, and the reason of the signal, and `EPERM` if the file belongs
 * to another user or group to whom this process cannot give a file; the file is then unchanged.
 */
export async function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  { signal, mode = 0o666 }: WriteFileAtomicOptions = {},
): Promise<void> {
  signal?.throwIfAborted()
  const real = await realpath(path).catch(() => path)
  const before = await stat(real).catch(() => undefined)
  const beside = join(dirname(real), `.${basename(real)}.${randomBytes(6).toString('hex')}.tmp`)
  const file = await open(beside, 'wx', before ? before.mode & 0o7777 : mode)
  try {
    try {
      // First: until then, no other user reads what is in it, and the system takes bits of the mode away with the owner.
      if (before) await keepOwner(file, before, real)
      await file.writeFile(data)
      // `open` has applied the umask to the mode.
      if (before) await file.chmod(before.mode & 0o7777)
      await file.sync()
    } finally {
      await file.close()
    }
    signal?.throwIfAborted()
    await rename(beside, real)
  } catch (error) {
    await rm(beside, { force: true })
    throw error
  }
  await syncFolder(dirname(real))
}

/**
 * Gives a new file to the owner and group of the one whose place it takes: a program that reads its file as its own user
 * must still be able to, whichever user has written it. Throws `EPERM` if this process may not.
 */
async function keepOwner(file: FileHandle, before: Stats, path: string): Promise<void> {
  const now = await file.stat()
  if (now.uid === before.uid && now.gid === before.gid) return
  await file.chown(before.uid, before.gid).catch((error: NodeJS.ErrnoException) => {
    const message = `${path} belongs to user ${before.uid} and group ${before.gid}, and this process cannot write a new one for them: run it as that user or as root (${error.code ?? error.message})`
    throw Object.assign(new Error(message, { cause: error }), { code: error.code })
  })
}

/** Has the disk keep the new name. Some systems cannot do that for a folder. */
async function syncFolder(path: string): Promise<void> {
  let folder: FileHandle | undefined
  try {
    folder = await open(path, 'r')
    await folder.sync()
  } catch {
    // The content is on the disk in any case.
  } finally {
    await folder?.close()
  }
}
