/** The verb `init`: writes a configuration file with the servers that the clients of this machine start. */
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
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
import { findServers, type FoundServers, noServers } from './found-servers.ts'
import { type NamedServer, newFile } from './template.ts'
import { newTools } from './tools-template.ts'

/**
 * @returns the exit code
 * @throws CommandFailed if the file is there already or cannot be written; nothing was changed then
 */
export async function init(request: InitRequest, machine: Environment, { stdout, stderr }: Outputs): Promise<number> {
  const folder = process.cwd()
  const path = resolve(folder, request.file)
  const found = await findServers(request.from, machine, folder)
  if (found.servers.length === 0 && request.from !== undefined && request.from !== 'none')
    throw noServers(request.from, found)
  const isSecret = found.servers.some(holdsSecret)
  const tools = request.hasTools ? join(dirname(request.file), 'tools.mjs') : undefined
  const text = newFile(found.servers, tools && './tools.mjs')
  const files: NewFile[] = [{ file: request.file, path, text, isPrivate: isSecret }]
  // The module first: the other file names it.
  if (tools !== undefined)
    files.unshift({ file: tools, path: resolve(folder, tools), text: newTools, isPrivate: false })
  const backup = await writeAll(request, files)
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

interface NewFile {
  /** As it is named to people. */
  readonly file: string
  readonly path: string
  readonly text: string
  readonly isPrivate: boolean
}

/** Writes all of the files, or none if one is there already. @returns the backup of the last one, if there is one */
async function writeAll({ isForce }: InitRequest, files: readonly NewFile[]): Promise<string | undefined> {
  const before = await Promise.all(files.map((one) => explained(one, () => readText(one.path))))
  const there = files.find((_one, at) => before[at] !== undefined)
  if (there && !isForce)
    throw new CommandFailed([
      {
        code: 'init_exists',
        message: `${there.file} is there already, and was not changed`,
        notes: [
          ['try', 'mcplex check, to see whether it is right'],
          ['or', '--force, which keeps what is there as a backup, or --config FILE for another file'],
        ],
      },
    ])
  let backup: string | undefined
  for (const [at, one] of files.entries())
    backup = await explained(one, () => replaceFile(one.path, before[at], one.text, one.isPrivate))
  return backup
}

async function explained<Value>({ file }: NewFile, run: () => Promise<Value>): Promise<Value> {
  try {
    return await run()
  } catch (error) {
    const isExpected =
      error instanceof ChangedMeanwhile || error instanceof NoTextFile || (error instanceof Error && 'code' in error)
    if (!isExpected) throw error
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
  { file, from, hasTools }: InitRequest,
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
    ...(hasTools ? ['wrote tools.mjs: a server of your own, with tools that know their caller'] : []),
    ...(servers.length === 0 && hasTools
      ? []
      : [servers.length === 0 ? none : `${servers.length} ${servers.length === 1 ? 'server' : 'servers'}: ${names}`]),
    ...clients
      .filter((one) => one.servers > 0)
      .map(({ title, path, servers: count }) => `${count} from ${title}: ${path}`),
    ...notices,
    ...(isSecret
      ? ['it holds values that may be secrets, so only you can read it: keep it out of version control']
      : []),
    ...(backup === undefined ? [] : [`as it was: ${backup}`]),
    ...(hasTools ? [`next: npm install @modelcontextprotocol/server zod ${ownPackage()}`] : []),
    `next: ${name} up${hasTools ? ' --watch' : ''}${option}`,
  ]
}

/** The folder of this package, as npm installs it: until it is published, another one has its name in the registry. */
function ownPackage(): string {
  return quoteWords([fileURLToPath(new URL('../../../..', import.meta.url)).replace(/\/$/, '')])
}
