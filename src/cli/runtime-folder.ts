/**
 * The folder in which running instances of mcplex describe themselves: `$XDG_RUNTIME_DIR/mcplex`, or a folder of this user
 * among the temporary files. Promises that only this user can read or change what is in a folder that passes `checkFolder`:
 * another user could otherwise lead later commands to an endpoint of their own.
 */
import { closeSync, constants, fchmodSync, fstatSync, mkdirSync, openSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'

/** The folders, the preferred one first. An instance uses the first that it can write to. */
export function runtimeFolders(env: Readonly<Record<string, string | undefined>>): string[] {
  const user = process.getuid?.()
  const runtime = env['XDG_RUNTIME_DIR']
  return [
    // [XDG Base Directory Specification] a path that is not absolute is ignored
    ...(runtime !== undefined && isAbsolute(runtime) ? [join(runtime, 'mcplex')] : []),
    join(tmpdir(), user === undefined ? 'mcplex' : `mcplex-${user}`),
  ]
}

/** Creates a folder for this user alone, if there is none. Throws if it cannot be created or must not be used. */
export function openFolder(folder: string): void {
  checkParent(dirname(folder))
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  checkFolder(folder, true)
}

/**
 * Throws unless it is a folder, no link to one, and only this user can read and change what is in it.
 * @param mayMend whether to take other users' rights away if it belongs to this user
 */
export function checkFolder(folder: string, mayMend = false): void {
  const user = process.getuid?.()
  // Without users, as on Windows, the folder for temporary files belongs to the user already.
  if (user === undefined) return
  // The checks are made on the open folder, so that it cannot be exchanged between them.
  const opened = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW)
  try {
    const { uid, mode } = fstatSync(opened)
    if (uid !== user) throw new Error('it belongs to another user')
    if ((mode & 0o077) === 0) return
    if (!mayMend) throw new Error('other users have access to it')
    fchmodSync(opened, 0o700)
  } finally {
    closeSync(opened)
  }
}

/** Throws if another user could replace a folder in it. */
function checkParent(parent: string): void {
  const user = process.getuid?.()
  if (user === undefined) return
  const { uid, mode } = statSync(parent)
  if (uid !== user && uid !== 0) throw new Error(`${parent} belongs to another user`)
  const isShared = (mode & 0o022) !== 0
  const isSticky = (mode & 0o1000) !== 0
  if (isShared && !isSticky) throw new Error(`other users may replace folders in ${parent}`)
}
