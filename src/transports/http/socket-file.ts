/**
 * A Unix socket as the place to listen at. Promises that of many servers that start at one path a single one gets it,
 * that the file of a server that died is replaced, and that no other's file is removed, neither at the start nor at
 * the end. Who may connect is said by the mode of the file.
 *
 * A server listens beside the path first, under a name that no other has, so that others can find it and see that it
 * lives. The path is taken by renaming that file, once nobody lives at the path and nobody has a better claim. The
 * lock is thus the listening socket itself, which dies with its process and is seen across containers that share the
 * directory (docs/decisions/0027-one-server-at-a-socket.md).
 */
import { randomBytes } from 'node:crypto'
import { lstatSync, unlinkSync } from 'node:fs'
import { lstat, readdir, rename, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { isMainThread } from 'node:worker_threads'
import { type Clock, pause } from '../../base/clock.ts'
import { untilListening } from './until-listening.ts'

/** An error as node's own, by its code. */
class SocketFileError extends Error {
  readonly code: string

  constructor(code: string, path: string) {
    super(`${code}: ${path}`)
    this.code = code
  }
}

export interface SocketFile {
  /** Removes the file, if it is still ours: to be called while the server still listens. */
  remove(): void
}

/** What the system takes as the address of a Unix socket, in bytes. Node cuts off what is beyond. */
const maxAddressBytes = process.platform === 'linux' ? 107 : 103

/** Another server that starts is waited for no longer than this, and looked at so often. */
const startingMs = 5_000
const lookEveryMs = 20

/**
 * Listens at a path, alone.
 * @param mode of the file from its first moment on
 * @throws an error with node's code: `EADDRINUSE` if a server listens or starts there, `EEXIST` if something else is
 * there, `ENOENT` without its directory, `ENAMETOOLONG`
 */
export async function listenAtSocketFile(
  server: Server,
  path: string,
  mode: number,
  backlog: number,
  clock: Clock,
): Promise<SocketFile> {
  const [folder, name] = [dirname(path), basename(path)]
  const own = `.${name}.${randomBytes(4).toString('hex')}`
  const ownPath = join(folder, own)
  if (Buffer.byteLength(ownPath) > maxAddressBytes) throw new SocketFileError('ENAMETOOLONG', path)
  // Node would call a directory that is not there a lack of rights.
  await lstat(folder)
  await checkPath(path)
  await untilListening(server, () => listenWithMode(server, ownPath, mode, backlog))
  try {
    await awaitClaim(folder, name, own, clock)
    await checkPath(path)
    await rename(ownPath, path)
    return fileAt(path)
  } catch (error) {
    // Removes the file, too.
    await new Promise((resolve) => void server.close(resolve))
    const isLost = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    // Ours was seen in the moment before it listened, and taken for a dead one.
    throw isLost ? new SocketFileError('EADDRINUSE', path) : error
  }
}

/**
 * Resolves once no other that starts here has a better claim. The first name in order has it; of two that start at
 * once at least one sees the other, and the one with the worse claim gives up unless it has not seen it.
 */
async function awaitClaim(folder: string, name: string, own: string, clock: Clock): Promise<void> {
  const deadlineMs = clock.now() + startingMs
  for (;;) {
    const others = (await readdir(folder)).filter((other) => other !== own && isStarting(other, name))
    let isDecided = true
    for (const other of others) {
      if (!(await livesBeside(join(folder, other)))) continue
      isDecided = false
      if (other < own || clock.now() > deadlineMs) throw new SocketFileError('EADDRINUSE', join(folder, name))
    }
    // Whoever has not seen us has become the server at the path by now, or has gone.
    if (isDecided) return
    await pause(clock, lookEveryMs)
  }
}

/** Whether a file is that of a server that starts to listen at the name. */
function isStarting(file: string, name: string): boolean {
  return file.startsWith(`.${name}.`) && /^[0-9a-f]{8}$/.test(file.slice(name.length + 2))
}

/** Whether a server that starts is there. The file of one that died is removed: no other will ever have its name. */
async function livesBeside(path: string): Promise<boolean> {
  const state = await stateOf(path).catch(() => 'alive')
  if (state === 'dead') await unlink(path).catch(() => {})
  return state === 'alive'
}

/** @throws unless nothing is at the path, or what a dead server has left there */
async function checkPath(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!found) return
  if (!found.isSocket()) throw new SocketFileError('EEXIST', path)
  if ((await stateOf(path)) === 'alive') throw new SocketFileError('EADDRINUSE', path)
}

/** @returns rejects if it cannot be told, as for a socket that this user may not use */
function stateOf(path: string): Promise<'alive' | 'dead' | 'gone'> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve('alive')
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve('dead')
      else if (error.code === 'ENOENT') resolve('gone')
      // Its line is full: somebody has to be there for that.
      else if (error.code === 'EAGAIN') resolve('alive')
      else reject(error)
    })
  })
}

function listenWithMode(server: Server, path: string, mode: number, backlog: number): void {
  // A worker may not set it; there the directory has to keep strangers out until the mode is set.
  const before = isMainThread ? process.umask(0o777 & ~mode) : undefined
  try {
    server.listen({ path, backlog })
  } finally {
    if (before !== undefined) process.umask(before)
  }
}

function fileAt(path: string): SocketFile {
  const { dev, ino } = lstatSync(path)
  return {
    remove() {
      try {
        const now = lstatSync(path)
        if (now.dev === dev && now.ino === ino) unlinkSync(path)
      } catch {
        // It is gone already.
      }
    },
  }
}
