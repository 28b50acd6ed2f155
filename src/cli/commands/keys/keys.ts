/** The verb `keys`: makes, lists, revokes and rotates API keys in the file of keys. No running mcplex is needed. */
import { resolve } from 'node:path'
import { wallMs } from '../../../base/clock.ts'
import type { Environment } from '../../../config/environment.ts'
import { loadFile } from '../../../config/file/load-file.ts'
import { findFile, openFile } from '../../../config/file/open-file.ts'
import { ConfigError } from '../../../config/problem.ts'
import { keysFileName } from '../../../identity/options.ts'
import { newApiKey } from '../../../identity/api-key.ts'
import { isoTime, type KeyRecord, writeKeyLine } from '../../../identity/key-record.ts'
import { KeysFileError, readKeysFileForCommand } from '../../../identity/keys-file.ts'
import { CommandFailed } from '../../failures.ts'
import { keysFileFailure } from '../../keys-file-failure.ts'
import type { Outputs } from '../../outputs.ts'
import { table } from '../../table.ts'
import { changeKeysFile } from './change-keys-file.ts'
import type { KeysAction, KeysRequest } from './command.ts'

const columns = ['ID', 'SUBJECT', 'TENANT', 'NAME', 'MADE', 'ENDS', 'STATE']

type Creation = Extract<KeysAction, { readonly kind: 'create' }>

/** A key that was made: its text is printed, and then forgotten. */
interface MadeKey {
  readonly text: string
  readonly record: KeyRecord
}

/**
 * @returns the exit code
 * @throws CommandFailed, or ConfigError for the configuration that names the file
 */
export async function keys(request: KeysRequest, machine: Environment, outputs: Outputs): Promise<number> {
  const { action } = request
  const path = action.kind === 'create' && action.isLine ? '' : pathOf(request, machine)
  try {
    if (action.kind === 'list') list(path, action.all, request, outputs)
    else if (action.kind === 'create') await create(path, action, request, outputs)
    else if (action.kind === 'revoke') await revoke(path, action.id, request, outputs)
    else await rotate(path, action.id, action.overlapMs, request, outputs)
    return 0
  } catch (error) {
    if (error instanceof CommandFailed) throw error
    if (error instanceof KeysFileError) throw keysFileFailure(error)
    const why = error instanceof Error ? error.message : String(error)
    throw new CommandFailed([
      {
        code: 'keys_write',
        message: `the keys file ${path} cannot be written: ${why}`,
        notes: [['try', '--keys-file PATH']],
      },
    ])
  }
}

/** The path of the keys file: as given, as the configuration says, or the usual one in this folder. */
function pathOf({ keysFile, config }: KeysRequest, machine: Environment): string {
  const folder = process.cwd()
  if (keysFile !== undefined) return resolve(folder, keysFile)
  const usual = machine.env['MCPLEX_AUTH__KEYS_FILE'] ?? ''
  let file: string
  try {
    file = findFile(config, folder)
  } catch (error) {
    if (error instanceof ConfigError && config === undefined)
      return resolve(folder, usual === '' ? keysFileName : usual)
    throw error
  }
  const { settings } = loadFile(openFile(file, folder, machine.env), new Map(), machine)
  return settings.auth.keysFile ?? resolve(folder, keysFileName)
}

function list(path: string, isAll: boolean, { isJson, isQuiet }: KeysRequest, { stdout, stderr }: Outputs): void {
  const all = readKeysFileForCommand(path)
  const shown = all.filter((key) => isAll || stateOf(key) === 'active')
  if (isJson) {
    stdout.write(`${JSON.stringify({ event: 'keys', file: path, keys: shown.map(factsOf) })}\n`)
    return
  }
  const rows = shown.map((key) => [
    key.id,
    key.subject,
    key.tenant,
    key.name ?? '',
    dateOf(key.createdAtMs),
    key.expiresAtMs === undefined ? 'never' : dateOf(key.expiresAtMs),
    stateOf(key),
  ])
  if (rows.length > 0) stdout.write(table(columns, rows))
  if (isQuiet) return
  const hidden = all.length - shown.length
  if (all.length === 0) stderr.write(`${path} has no keys: mcplex keys create makes one\n`)
  else if (hidden > 0) stderr.write(`${hidden} more ${hidden === 1 ? 'has' : 'have'} ended: --all shows them\n`)
}

async function create(path: string, action: Creation, request: KeysRequest, outputs: Outputs): Promise<void> {
  const made = makeKey(action)
  if (action.isLine) {
    const line = writeKeyLine(made.record)
    if (request.isJson) return printJson('key_created', made, { line }, outputs)
    outputs.stdout.write(`${made.text}\n`)
    outputs.stderr.write(
      `The key is shown this once. Its line for mcplex.yaml:\n\nauth:\n  keys:\n    - ${JSON.stringify(line)}\n`,
    )
    return
  }
  await changeKeysFile(path, (before) => ({ keys: [...before, made.record], result: undefined }))
  print('key_created', made, path, request, outputs)
}

async function revoke(
  path: string,
  id: string,
  { isJson, isQuiet }: KeysRequest,
  { stdout, stderr }: Outputs,
): Promise<void> {
  const revoked = await changeKeysFile(path, (before) => {
    const known = found(before, id, path)
    const ended: KeyRecord = { ...known, revokedAtMs: known.revokedAtMs ?? wallMs() }
    return { keys: replaced(before, ended), result: ended }
  })
  if (isJson) stdout.write(`${JSON.stringify({ event: 'key_revoked', file: path, ...factsOf(revoked) })}\n`)
  else if (!isQuiet)
    stderr.write(`the key ${id} of ${revoked.subject} is revoked; a running mcplex knows within a second\n`)
}

async function rotate(
  path: string,
  id: string,
  overlapMs: number,
  request: KeysRequest,
  outputs: Outputs,
): Promise<void> {
  const made = await changeKeysFile(path, (before) => {
    const known = found(before, id, path)
    if (stateOf(known) !== 'active')
      throw new CommandFailed([
        {
          code: 'key_unknown',
          message: `the key ${id} has ended already`,
          notes: [['try', `mcplex keys create --subject ${known.subject}`]],
        },
      ])
    const lifeMs = known.expiresAtMs === undefined ? undefined : known.expiresAtMs - (known.createdAtMs ?? wallMs())
    const { tenant, subject, name, scopes } = known
    const expiresAtMs = lifeMs === undefined ? undefined : wallMs() + lifeMs
    const next = makeKey({ kind: 'create', tenant, subject, name, scopes, expiresAtMs, isLine: false })
    const ending: KeyRecord = { ...known, expiresAtMs: Math.min(known.expiresAtMs ?? Infinity, wallMs() + overlapMs) }
    return { keys: [...replaced(before, ending), next.record], result: next }
  })
  print('key_rotated', made, path, request, outputs)
  if (!request.isJson && !request.isQuiet)
    outputs.stderr.write(`the old key ${id} works until ${isoTime(wallMs() + overlapMs)} at most\n`)
}

function makeKey({ tenant, subject, name, scopes, expiresAtMs }: Creation): MadeKey {
  const { id, text, hash } = newApiKey()
  const record: KeyRecord = {
    id,
    hash,
    tenant,
    subject: subject ?? name ?? id,
    ...(name !== undefined && { name }),
    ...(scopes !== undefined && { scopes }),
    createdAtMs: wallMs(),
    ...(expiresAtMs !== undefined && { expiresAtMs }),
  }
  return { text, record }
}

/** The key alone goes to stdout, so that a script can take it. */
function print(event: string, made: MadeKey, path: string, request: KeysRequest, outputs: Outputs): void {
  if (request.isJson) return printJson(event, made, { file: path }, outputs)
  outputs.stdout.write(`${made.text}\n`)
  const { id, subject, tenant } = made.record
  if (!request.isQuiet)
    outputs.stderr.write(
      `The key is shown this once. It is of ${subject} in tenant ${tenant}; its id is ${id}, in ${path}.\n`,
    )
}

function printJson(event: string, { text, record }: MadeKey, more: object, { stdout }: Outputs): void {
  stdout.write(`${JSON.stringify({ event, key: text, ...factsOf(record), ...more })}\n`)
}

/** Without the hash, which is of use to no one. */
function factsOf(key: KeyRecord): object {
  const { id, tenant, subject, name, scopes, createdAtMs, expiresAtMs, revokedAtMs } = key
  return {
    id,
    tenant,
    subject,
    name,
    scopes,
    state: stateOf(key),
    createdAt: createdAtMs === undefined ? undefined : isoTime(createdAtMs),
    expiresAt: expiresAtMs === undefined ? undefined : isoTime(expiresAtMs),
    revokedAt: revokedAtMs === undefined ? undefined : isoTime(revokedAtMs),
  }
}

function stateOf({ expiresAtMs = Infinity, revokedAtMs }: KeyRecord): 'active' | 'revoked' | 'expired' {
  if (revokedAtMs !== undefined) return 'revoked'
  return wallMs() >= expiresAtMs ? 'expired' : 'active'
}

function dateOf(ms: number | undefined): string {
  return ms === undefined ? '' : isoTime(ms).slice(0, 10)
}

function found(all: readonly KeyRecord[], id: string, path: string): KeyRecord {
  const known = all.find((key) => key.id === id)
  if (known) return known
  // A whole key is a secret: it is not printed again.
  const shown = id.length > 12 ? 'of that id' : id
  throw new CommandFailed([
    {
      code: 'key_unknown',
      message: `${path} has no key ${shown}`,
      notes: [['try', 'mcplex keys --all, to see the ids']],
    },
  ])
}

function replaced(all: readonly KeyRecord[], changed: KeyRecord): KeyRecord[] {
  return all.map((key) => (key.id === changed.id ? changed : key))
}
