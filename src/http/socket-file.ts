/**
 * A Unix socket as the place to listen at. What a server that died has left behind is taken away; what somebody listens
 * at, or what is no socket, is not touched. Who may connect is said by the mode of the file.
 */
import { lstat, unlink } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'
import { isMainThread } from 'node:worker_threads'

/** An error as node's own, by its code. */
class SocketFileError extends Error {
  readonly code: string

  constructor(code: string, path: string) {
    super(`${code}: ${path}`)
    this.code = code
  }
}

/**
 * Makes way for a socket at that path.
 * @throws an error with node's code: `EADDRINUSE` if somebody listens there, `EEXIST` if something else is there,
 * `ENOENT` without its directory
 */
export async function clearSocketFile(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!found) {
    // Node would call it a lack of rights.
    await lstat(dirname(path))
    return
  }
  if (!found.isSocket()) throw new SocketFileError('EEXIST', path)
  if (await answers(path)) throw new SocketFileError('EADDRINUSE', path)
  await unlink(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
  })
}

/** @returns rejects if it cannot be told, as for a socket that this user may not use */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'ENOENT') resolve(false)
      else reject(error)
    })
  })
}

/**
 * Listens at a path that is free.
 * @param mode of the file from its first moment on
 */
export function listenAtSocketFile(server: Server, path: string, mode: number, backlog: number): void {
  // A worker may not set it; there the directory has to keep strangers out until the mode is set.
  const before = isMainThread ? process.umask(0o777 & ~mode) : undefined
  try {
    server.listen({ path, backlog })
  } finally {
    if (before !== undefined) process.umask(before)
  }
}
