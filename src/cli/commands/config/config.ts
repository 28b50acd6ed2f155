/**
 * The verb `config`: prints the entry that makes a client use a running mcplex, or writes it to the client's file. Only
 * the snippet goes to stdout; explanations go to stderr.
 */
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import pc from 'picocolors'
import type { Environment } from '../../../config/environment.ts'
import { clientServers } from '../../../config/file/client-servers.ts'
import { clients, entryFor, pathOf, type Scope, type ClientTarget } from '../../clients.ts'
import { putEntry, removeEntries, snippet } from './edit.ts'
import { type Entries, servedEntries } from './served-entries.ts'
import { isSameFile, servedFile } from './served-file.ts'
import { ChangedMeanwhile, NoTextFile, readText, replaceFile } from '../../replace-file.ts'
import { CommandFailed, type FailureCode } from '../../failures.ts'
import type { Outputs } from '../../outputs.ts'
import { ownCommand } from '../../own-command.ts'
import { quoteWords } from '../../shell-words.ts'
import { wantsColor } from '../../terminal.ts'
import type { ConfigRequest } from './command.ts'

interface Done {
  readonly state: 'printed' | 'created' | 'added' | 'replaced' | 'unchanged'
  readonly backup?: string | undefined
  /** The entries in whose place the new one is, since mcplex serves them; undefined if it is not known what it serves. */
  readonly removed?: readonly string[] | undefined
  /** Entries that start other servers. */
  readonly left?: readonly string[] | undefined
}

/**
 * @returns the exit code
 * @throws CommandFailed if the file cannot be found, parsed or changed; it is then unchanged
 */
export async function config(
  request: ConfigRequest,
  machine: Environment,
  { stdout, stderr }: Outputs,
): Promise<number> {
  const chosen = clients[request.client]
  const { section, files } = chosen
  const [scope, place] = files.find(([known]) => known === request.scope) ?? files[0] ?? ['user', undefined]
  const surroundings = { platform: process.platform, env: machine.env, folder: process.cwd() }
  const file = request.file ?? (place && pathOf(place, surroundings))
  const target = { ...request, ...ownCommand() }
  const entry = entryFor(chosen, target)
  const done: Done = request.isWrite
    ? await write(request, needed(file), section, entry, machine.env)
    : { state: 'printed' }
  const { client, name } = request
  if (request.isJson) {
    const document = { [section]: { [name]: entry } }
    stdout.write(`${JSON.stringify({ event: 'config', client, scope, file, name, snippet: document, ...done })}\n`)
  } else if (!request.isWrite) stdout.write(`${snippet(section, name, entry)}\n`)
  if (!request.isQuiet) {
    const colors = pc.createColors(wantsColor(machine.env, stderr, request.isColorOff))
    const [first = '', ...rest] = explain(request, target, scope, file, done)
    stderr.write(`${colors.bold(first)}\n${rest.map((line) => `  ${line}\n`).join('')}`)
  }
  return 0
}

async function write(
  request: ConfigRequest,
  file: string,
  section: string,
  entry: object,
  env: Environment['env'],
): Promise<Done> {
  const { name, isForce } = request
  try {
    const before = await readText(file)
    if (before !== undefined) await checkWritable(file)
    const entries = await replaceable(request, file, before, env)
    const text = before === undefined ? '' : (removeEntries(before, section, entries?.served ?? []) ?? before)
    const edited = putEntry(text, section, name, { ...entry })
    const found = { removed: entries?.served, left: entries?.others.filter((other) => other !== name) }
    if (edited.kind === 'unchanged' && text === before) return { state: 'unchanged', ...found }
    if (edited.kind === 'broken')
      throw failed('client_file', `${file}:${edited.line}:${edited.column}   ${edited.why}`, [
        'note',
        'nothing was changed',
      ])
    const isReplaced = edited.kind === 'changed' && edited.isReplaced
    if (isReplaced && !isForce)
      throw failed('client_entry', `${file} has another server named "${name}"`, [
        'try',
        `--force to replace it, or --name for another name; without --write the new entry is only printed`,
      ])
    const backup = await replaceFile(file, before, edited.kind === 'changed' ? edited.text : text)
    return { state: before === undefined ? 'created' : isReplaced ? 'replaced' : 'added', backup, ...found }
  } catch (error) {
    if (error instanceof CommandFailed) throw error
    const isOurs =
      error instanceof ChangedMeanwhile || error instanceof NoTextFile || (error instanceof Error && 'code' in error)
    if (!isOurs) throw error
    throw failed('client_write', error.message, ['note', 'the file is as it was'])
  }
}

/** The entries of the file that mcplex serves, and the others; undefined if it is not known which. */
async function replaceable(
  { url, servedBy, keepsServers }: ConfigRequest,
  file: string,
  before: string | undefined,
  env: Environment['env'],
): Promise<Entries | undefined> {
  if (keepsServers) return undefined
  const served = await servedFile(servedBy, url, env)
  const started = before === undefined ? undefined : clientServers(file, before)
  if (!served || !started) return undefined
  if (isSameFile(served.path, file))
    throw failed(
      'client_write',
      `mcplex serves the servers of this very file, ${file}: they must not be replaced there`,
      ['try', 'mcplex init, to have them in a file of their own, and serve that; or --keep-servers'],
    )
  return servedEntries(started, served.servers)
}

/** A file that may not be written could still be replaced, which its owner does not mean. */
async function checkWritable(file: string): Promise<void> {
  const { mode } = await stat(file)
  const isOpen = await access(file, constants.W_OK).then(
    () => (mode & 0o222) !== 0,
    () => false,
  )
  if (!isOpen) throw failed('client_write', `${file} is read-only`, ['try', `chmod u+w ${quoteWords([file])}`])
}

function needed(file: string | undefined): string {
  if (file !== undefined) return file
  throw failed('client_write', 'the environment does not say where your home folder is', ['try', '--file PATH'])
}

function failed(code: FailureCode, message: string, note: readonly [string, string]): CommandFailed {
  return new CommandFailed([{ code, message, notes: [note] }])
}

/** Explanations for the user: a line about what was done, then what else there is to do. */
function explain(
  request: ConfigRequest,
  target: ClientTarget,
  scope: Scope,
  file: string | undefined,
  done: Done,
): string[] {
  const { client, name, keyVariable } = request
  const { title, reference, hints } = clients[client]
  const key = reference && keyVariable
  const more = [
    ...hints(target, name, scope),
    ...(key === undefined ? [] : [`${title} reads the key from ${key}, which it needs in its environment`]),
  ]
  if (done.state === 'printed')
    return [
      `for ${title}: ${file ?? 'its configuration file'}`,
      `the same command with --write puts it there, beside what is there already`,
      ...more,
    ]
  const replaced = done.removed ?? []
  const others = done.left ?? []
  const servers = [
    ...(replaced.length === 0 ? [] : [`in the place of ${replaced.join(', ')}: mcplex serves them`]),
    ...(others.length === 0 ? [] : [`${others.join(', ')} stay there: mcplex does not serve them`]),
    ...(done.removed || request.keepsServers || done.state === 'created' ? [] : [notKnown]),
  ]
  const said = { created: 'created', added: `added "${name}" to`, replaced: `replaced "${name}" in`, unchanged: '' }
  if (done.state === 'unchanged') return [`unchanged: ${file} has this entry already`]
  return [
    `${said[done.state]} ${file}`,
    ...servers,
    ...(done.backup === undefined ? [] : [`as it was: ${done.backup}`]),
    ...more,
  ]
}

const notKnown =
  'the other servers in it stay: no running mcplex up is known at this URL; --config FILE names the file that it serves'
