/** The verb `init`: writes a configuration file with the servers that the clients of this machine start. */
import { resolve } from 'node:path'
import pc from 'picocolors'
import { maskCommand } from '../../../base/mask-command.ts'
import type { Environment } from '../../../config/environment.ts'
import { CommandFailed } from '../../failures.ts'
import type { Outputs } from '../../outputs.ts'
import { pasteableName } from '../../own-command.ts'
import { ChangedMeanwhile, NoTextFile, readText, replaceFile } from '../../replace-file.ts'
import { quoteWords } from '../../shell-words.ts'
import { wantsColor } from '../../terminal.ts'
import type { InitRequest } from './command.ts'
import { findServers, type FoundServers } from './found-servers.ts'
import { type NamedServer, newFile } from './template.ts'

/**
 * @returns the exit code
 * @throws CommandFailed if the file is there already or cannot be written; nothing was changed then
 */
export async function init(request: InitRequest, machine: Environment, { stdout, stderr }: Outputs): Promise<number> {
  const folder = process.cwd()
  const path = resolve(folder, request.file)
  const found = await findServers(request.from, machine, folder)
  const isSecret = found.servers.some(holdsSecret)
  const backup = await write(request, path, newFile(found.servers), isSecret ? 0o600 : 0o666)
  if (request.isJson) {
    const upstreams = found.servers.map(({ name }) => name)
    const { clients, notices } = found
    stdout.write(`${JSON.stringify({ event: 'init', file: path, upstreams, clients, notices, backup })}\n`)
  } else if (!request.isQuiet) {
    const { bold } = pc.createColors(wantsColor(machine.env, stderr, request.isColorOff))
    const [first = '', ...rest] = told(request, found, isSecret, backup, pasteableName(machine.env))
    stderr.write(`${bold(first)}\n${rest.map((line) => `  ${line}\n`).join('')}`)
  }
  return 0
}

async function write(
  { file, isForce }: InitRequest,
  path: string,
  text: string,
  newMode: number,
): Promise<string | undefined> {
  try {
    const before = await readText(path)
    if (before !== undefined && !isForce)
      throw new CommandFailed([
        {
          code: 'init_exists',
          message: `${file} is there already, and was not changed`,
          notes: [
            ['try', 'mcplex check, to see whether it is right'],
            ['or', '--force, which keeps what is there as a backup, or --config FILE for another file'],
          ],
        },
      ])
    return await replaceFile(path, before, text, newMode)
  } catch (error) {
    const isExpected =
      error instanceof ChangedMeanwhile || error instanceof NoTextFile || (error instanceof Error && 'code' in error)
    if (error instanceof CommandFailed || !isExpected) throw error
    throw new CommandFailed([{ code: 'init_write', message: `${file} cannot be written: ${error.message}`, notes: [] }])
  }
}

/** Whether a value that is written may be a secret, and not only a reference to one. */
function holdsSecret({ server: { command, args, env } }: NamedServer): boolean {
  const words = [command, ...args]
  return (
    Object.values(env).some((value) => value !== '' && !/^\$\{[^{}]*\}$/.test(value)) ||
    maskCommand(words).some((masked, at) => masked !== words[at])
  )
}

function told(
  { file, from }: InitRequest,
  { servers, clients, notices }: FoundServers,
  isSecret: boolean,
  backup: string | undefined,
  name: string,
): string[] {
  const option = file === 'mcplex.yaml' ? '' : ` --config ${quoteWords([file])}`
  const none = from === 'none' ? 'an example server' : 'an example server: no client on this machine starts one'
  const names = servers.map((one) => one.name).join(', ')
  return [
    `wrote ${file}`,
    servers.length === 0 ? none : `${servers.length} ${servers.length === 1 ? 'server' : 'servers'}: ${names}`,
    ...clients
      .filter((one) => one.servers > 0)
      .map(({ title, path, servers: count }) => `${count} from ${title}: ${path}`),
    ...notices,
    ...(isSecret
      ? ['it holds values that may be secrets, so only you can read it: keep it out of version control']
      : []),
    ...(backup === undefined ? [] : [`as it was: ${backup}`]),
    `next: ${name} up${option}`,
  ]
}
