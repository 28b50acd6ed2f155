/**
 * Listens at a Unix socket. Promises that exactly one of many servers that start at a path gets it, that the stale file
 * of a dead server is replaced, and that no file of another server is removed, neither at the start nor at the end. The
 * mode of the file decides which users may connect.
 *
 * A server first listens beside the path, under a unique name, where other servers can find it and check that it is
 * alive. It takes the path by renaming that file, once no server is alive at the path and no other has a better claim.
 * So the lock is the listening socket itself, which ends with its process and is visible to all containers that share
 * the directory (docs/decisions/0027-one-server-at-a-socket.md).
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

/** An error with a code like those of node. */
class SocketFileError extends Error {
  readonly code: string

  constructor(code: string, path: string) {
    super(`${code}: ${path}`)
    this.code = code
  }
}

export interface SocketFile {
  /** Removes the file, if it is still that of this server. Call it while the server still listens. */
  remove(): void
}

/** The longest address of a Unix socket, in bytes. Node would silently truncate a longer one. */
const maxAddressBytes = process.platform === 'linux' ? 107 : 103

/** How long to wait for another server that is starting, and how often to check it. */
const startingMs = 5_000
const checkEveryMs = 20

/**
 * Listens at a path as its only server.
 * @param mode the mode of the file from its creation on
 * @throws an error with node's code: `EADDRINUSE` if another server listens or starts there, `EEXIST` if another file
 * is there, `ENOENT` without its directory, `ENAMETOOLONG`
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
  // Checked first, because node reports a missing directory as EACCES.
  await lstat(folder)
  await checkPath(path)
  await untilListening(server, () => listenWithMode(server, ownPath, mode, backlog))
  try {
    await awaitClaim(folder, name, own, clock)
    await checkPath(path)
    await rename(ownPath, path)
    return fileAt(path)
  } catch (error) {
    // Closing the server also removes its file.
    await new Promise((resolve) => void server.close(resolve))
    const isLost = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    // Another server saw our file in the moment before it listened, and removed it as stale.
    throw isLost ? new SocketFileError('EADDRINUSE', path) : error
  }
}

/**
 * Resolves once no other starting server has a better claim, which is the first name in order. Of two that start at
 * once, at least one sees the other; the one with the worse claim gives up if it sees the other.
 */
async function awaitClaim(folder: string, name: string, own: string, clock: Clock): Promise<void> {
  const deadlineMs = clock.now() + startingMs
  for (;;) {
    const others = (await readdir(folder)).filter((other) => other !== own && isStarting(other, name))
    let isDecided = true
    for (const other of others) {
      if (!(await isAlive(join(folder, other)))) continue
      isDecided = false
      if (other < own || clock.now() > deadlineMs) throw new SocketFileError('EADDRINUSE', join(folder, name))
    }
    // A server that has not seen this one has taken the path by now, or has ended.
    if (isDecided) return
    await pause(clock, checkEveryMs)
  }
}

/** Whether a file is that of a server that is starting at the name. */
function isStarting(file: string, name: string): boolean {
  return file.startsWith(`.${name}.`) && /^[0-9a-f]{8}$/.test(file.slice(name.length + 2))
}

/** Whether a starting server is alive. A stale file is removed; that is safe because its name is unique. */
async function isAlive(path: string): Promise<boolean> {
  const state = await stateOf(path).catch(() => 'alive')
  if (state === 'dead') await unlink(path).catch(() => {})
  return state === 'alive'
}

/** @throws unless the path is free, or holds the stale file of a dead server */
async function checkPath(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!found) return
  if (!found.isSocket()) throw new SocketFileError('EEXIST', path)
  if ((await stateOf(path)) === 'alive') throw new SocketFileError('EADDRINUSE', path)
}

/** Tries to connect. Rejects if the state cannot be determined, for example for lack of permission. */
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
      // Its backlog is full, so a server is alive there.
      else if (error.code === 'EAGAIN') resolve('alive')
      else reject(error)
    })
  })
}

function listenWithMode(server: Server, path: string, mode: number, backlog: number): void {
  // A worker thread cannot set the umask: there, only the permissions of the directory protect the file.
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
        // The file does not exist any more.
      }
    },
  }
}
