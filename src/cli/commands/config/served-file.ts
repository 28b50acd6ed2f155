/** The configuration file behind a URL of mcplex: the file that the user names, or that of the instance which runs there. */
import { realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { startedServers } from '../../../config/file/client-servers.ts'
import type { ClientServer } from '../../../config/file/client-servers.ts'
import { CommandFailed } from '../../failures.ts'
import { NoTextFile, readText } from '../../replace-file.ts'
import { plainUrl, runningInstances } from '../../running-instances.ts'

export interface ServedFile {
  readonly path: string
  readonly servers: readonly ClientServer[]
}

/**
 * @param named the path that the user gave, if any
 * @param url the endpoint of the running instance
 * @returns undefined if no file was given, and no running instance with a file serves the URL
 * @throws CommandFailed if the file cannot be read
 */
export async function servedFile(
  named: string | undefined,
  url: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<ServedFile | undefined> {
  const path = named === undefined ? configAt(url, env) : resolve(named)
  if (path === undefined) return undefined
  const text = await readText(path).catch((error: unknown) => {
    if (error instanceof NoTextFile || (error instanceof Error && 'code' in error)) return undefined
    throw error
  })
  const found = text === undefined ? undefined : startedServers(path, text)
  if (found) return { path, servers: [...found.servers.values()] }
  throw new CommandFailed([
    {
      code: 'config_file',
      message: `${path}, which says what mcplex serves, cannot be read`,
      notes: [
        ['try', 'mcplex check'],
        ['or', '--keep-servers, to add the entry and leave all others'],
      ],
    },
  ])
}

function configAt(url: string, env: Readonly<Record<string, string | undefined>>): string | undefined {
  return runningInstances(env).find(({ endpoint }) => endpoint !== undefined && plainUrl(endpoint) === plainUrl(url))
    ?.config
}

/** Whether two paths lead to the same file. */
export function isSameFile(one: string, other: string): boolean {
  const real = (path: string): string => {
    try {
      return realpathSync(path)
    } catch {
      return resolve(path)
    }
  }
  return real(one) === real(other)
}
