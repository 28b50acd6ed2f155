/**
 * The Unix socket for operators, beside the runtime file: its path, and the removal of those whose processes have died.
 * Names are never used twice, so that no instance takes the socket of another one, not even in another container.
 */
import { randomBytes } from 'node:crypto'
import { lstatSync, readdirSync, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { wallMs } from '../base/clock.ts'
import { openFolder, runtimeFolders } from './runtime-folder.ts'

/** A name in use, or one that is being taken (`listenAtSocketFile`). */
const socketName = /^\.?[1-9][0-9]*-[0-9a-f]{8}\.sock(\.[0-9a-f]{8})?$/

/** A socket that is not listened to yet refuses connections as well: for far less than this. */
const settledMs = 10_000

/** A path for the socket of this process; undefined if there is no folder for it, which is told of the runtime file. */
export function adminSocketPath(env: Readonly<Record<string, string | undefined>>): string | undefined {
  for (const folder of runtimeFolders(env)) {
    try {
      openFolder(folder)
      removeStaleSockets(folder)
      return join(folder, `${process.pid}-${randomBytes(4).toString('hex')}.sock`)
    } catch {
      // The next one may do.
    }
  }
  return undefined
}

/** Removes sockets to which nothing listens any more. */
function removeStaleSockets(folder: string): void {
  for (const name of readdirSync(folder).filter((one) => socketName.test(one))) {
    const path = join(folder, name)
    try {
      const { mtimeMs } = lstatSync(path)
      if (wallMs() - mtimeMs > settledMs) removeIfDead(path)
    } catch {
      // It is gone already.
    }
  }
}

function removeIfDead(path: string): void {
  const socket = connect(path)
  socket.unref()
  socket.once('connect', () => socket.destroy())
  socket.once('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ECONNREFUSED') return
    try {
      unlinkSync(path)
    } catch {
      // Another instance has removed it.
    }
  })
}
