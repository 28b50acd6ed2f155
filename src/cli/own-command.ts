/**
 * How to start this very copy of mcplex again: for the configuration of a client, and for commands to paste. Never a
 * name that a package registry would look up: that would run the package of whatever owner has the name there.
 */
import { realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quoteWords } from './shell-words.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Our main file, with links resolved. */
const main = join(dirname(fileURLToPath(import.meta.url)), 'main.js')

/** A program and its first arguments, with absolute paths: works in every folder and with any `PATH`. */
export interface OwnCommand {
  readonly program: string
  readonly args: readonly string[]
}

export function ownCommand(): OwnCommand {
  return { program: process.execPath, args: [main] }
}

/** The beginning of a command line that starts this copy in the current folder and environment. */
export function pasteableName(env: Environment): string {
  if (isOnPath(env['PATH'] ?? '')) return 'mcplex'
  const root = dirname(dirname(dirname(main)))
  const isNpx = env['npm_command'] === 'exec' && env['npm_lifecycle_event'] === 'npx'
  // npx prefers the package of the current folder to the registry.
  if (isNpx && here() === root) return 'npx mcplex'
  return quoteWords(['node', main])
}

/** The current folder; undefined if it was removed. */
function here(): string | undefined {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

/** Folders that npm adds to the front of `PATH`, only for the programs that it runs. */
const npmFolders = /[\\/]node_modules[\\/](?:\.bin|npm[\\/])|[\\/]_npx[\\/]/

function isOnPath(path: string): boolean {
  return path.split(delimiter).some((folder) => {
    if (folder === '' || npmFolders.test(folder)) return false
    try {
      return realpathSync(join(folder, 'mcplex')) === main
    } catch {
      return false
    }
  })
}
