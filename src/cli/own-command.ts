/**
 * How this very copy of mcplex is started again: what goes into the configuration of a client, and what a person can
 * paste. Never a name that a package registry would look up: whoever owns that name there would be run.
 */
import { realpathSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quoteWords } from './shell-words.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Our main file, with links resolved. */
const main = join(dirname(fileURLToPath(import.meta.url)), 'main.js')

/** A program and its first arguments, with whole paths: works from every folder and whatever `PATH` says. */
export interface OwnCommand {
  readonly program: string
  readonly args: readonly string[]
}

export function ownCommand(): OwnCommand {
  return { program: process.execPath, args: [main] }
}

/** The beginning of a command line that starts this copy in the folder and with the environment that are here now. */
export function pasteableName(env: Environment): string {
  if (isOnPath(env['PATH'] ?? '')) return 'mcplex'
  const root = dirname(dirname(dirname(main)))
  const isNpx = env['npm_command'] === 'exec' && env['npm_lifecycle_event'] === 'npx'
  // npx takes the package of the folder it is in before it asks a registry.
  if (isNpx && here() === root) return 'npx mcplex'
  return quoteWords(['node', main])
}

/** The folder that we are in; undefined if it was removed. */
function here(): string | undefined {
  try {
    return process.cwd()
  } catch {
    return undefined
  }
}

/** The folders that npm puts in front of `PATH` are there only for what it runs. */
const ofNpm = /[\\/]node_modules[\\/](?:\.bin|npm[\\/])|[\\/]_npx[\\/]/

function isOnPath(path: string): boolean {
  return path.split(delimiter).some((folder) => {
    if (folder === '' || ofNpm.test(folder)) return false
    try {
      return realpathSync(join(folder, 'mcplex')) === main
    } catch {
      return false
    }
  })
}
