/** How verbs ask a running mcplex at its door for operators: which instance is meant, and what to say if that fails. */
import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { AdminError } from '../admin/admin-error.ts'
import type { ApiAnswers } from '../admin/answers.ts'
import type { OperationId } from '../admin/api.ts'
import { type AdminPlace, type Asked, askAdmin, Unanswered } from '../admin/client.ts'
import { systemClock } from '../base/clock.ts'
import { addInstanceOptions, chooseInstance, type InstanceWish, instanceWishOf } from './choose-instance.ts'
import { wrongUsage } from './commands/command.ts'
import { CommandFailed, type Failure, type FailureCode } from './failures.ts'
import { plainUrl, type RunningInstance, runningInstances } from './running-instances.ts'

type Env = Readonly<Record<string, string | undefined>>

/** What a command line says of the instance that is meant. */
export interface DoorWish extends InstanceWish {
  /** The URL of its door; undefined if it is found by its runtime file. */
  readonly admin: string | undefined
}

/** The door of an instance. */
export interface Door {
  readonly place: AdminPlace
  /** The instance in words. */
  readonly name: string
  /** Its process, if it is on this machine. */
  readonly pid: number | undefined
}

export function addDoorOptions(command: Command): void {
  addInstanceOptions(command)
  command.addOption(
    new Option('--admin <url>', 'The address of the mcplex that is meant, on any machine.').conflicts([
      'config',
      'pid',
    ]),
  )
}

/** @throws CommandFailed with usage */
export function doorWishOf(command: Command): DoorWish {
  const { admin } = command.opts<{ admin?: string }>()
  return { ...instanceWishOf(command), admin: admin === undefined ? undefined : urlOf(admin) }
}

function urlOf(text: string): string {
  const url = /^https?:\/\//i.test(text) ? text : `http://${text}`
  if (URL.canParse(url)) return new URL('/', url).href
  throw wrongUsage(`--admin ${JSON.stringify(text)} is not an address`, ['accepted', 'http://127.0.0.1:8081'])
}

/** @throws CommandFailed if there is no such instance, or it has no door */
export function chooseDoor(wish: DoorWish, env: Env): Door {
  if (wish.admin !== undefined) {
    const place = { url: wish.admin, token: tokenFor(wish.admin, env) }
    return { place, name: `the mcplex at ${wish.admin}`, pid: undefined }
  }
  const { instance } = chooseInstance(wish, env, false)
  const place = doorOf(instance, env)
  if (place) return { place, name: nameOf(instance), pid: instance.pid }
  throw failed('admin_closed', `${nameOf(instance)} has no socket or address for operators`, [
    ['try', 'mcplex reload and /health, which need none'],
    ['note', 'it is closed by --admin off, with --transport stdio, and by MCPLEX_ADMIN__RUNTIME_FILE=false'],
  ])
}

function nameOf({ pid }: RunningInstance): string {
  return `the mcplex with process id ${pid}`
}

/** Where the door of an instance is; undefined if it has none. */
export function doorOf({ admin }: RunningInstance, env: Env): AdminPlace | undefined {
  if (admin?.socket !== undefined) return { socket: admin.socket }
  return admin?.url === undefined ? undefined : { url: admin.url, token: admin.token ?? givenToken(env) }
}

function tokenFor(url: string, env: Env): string | undefined {
  const given = givenToken(env)
  if (given !== undefined) return given
  const here = runningInstances(env).find(
    ({ admin }) => admin?.url !== undefined && plainUrl(admin.url) === plainUrl(url),
  )
  return here?.admin?.token
}

/** The first token of the environment, or in the file that it names, as the instance would read it. */
function givenToken(env: Env): string | undefined {
  const path = env['MCPLEX_ADMIN__TOKEN_FILE']
  if (path === undefined || path === '') return env['MCPLEX_ADMIN__TOKENS']?.trim().split(/[\s,]+/)[0] || undefined
  try {
    const lines = readFileSync(path, 'utf8').split('\n')
    const [token] =
      lines
        .find((line) => /^\s*[^\s#]/.test(line))
        ?.trim()
        .split(/\s+/) ?? []
    return token
  } catch (error) {
    throw failed('admin_token', `the file of the token cannot be read: ${messageOf(error)}`, [])
  }
}

/** Asks; what goes wrong becomes a failure of the command. @throws CommandFailed */
export async function askDoor<Id extends OperationId>(
  { place, name }: Door,
  id: Id,
  asked: Asked = {},
): Promise<ApiAnswers[Id]> {
  try {
    return await askAdmin(place, id, asked, systemClock)
  } catch (error) {
    if (error instanceof AdminError) throw asFailure(error, name)
    if (error instanceof Unanswered)
      throw failed('instance_silent', `${name} did not answer: ${error.message}`, [['try', 'mcplex ps']])
    throw error
  }
}

const codes: Readonly<Record<string, readonly [code: FailureCode, ...notes: Failure['notes']]>> = {
  session_unknown: ['session_unknown', ['try', 'mcplex sessions'], ['or', 'mcplex sessions --closed']],
  session_ambiguous: ['session_unknown', ['try', 'more characters of its label']],
  definition_unknown: ['definition_unknown', ['try', 'mcplex upstreams, to see what is held back']],
  definition_ambiguous: ['definition_unknown', ['try', 'more characters of its hash']],
  upstream_unknown: ['upstream_unknown', ['try', 'mcplex upstreams, to see the names']],
  tenant_unknown: ['tenant_unknown', ['try', 'mcplex tenants, to see the names']],
  missing_right: [
    'admin_denied',
    ['try', 'MCPLEX_ADMIN__TOKEN_FILE, with the path of a file that has a token with that right'],
    ['or', 'the same on its machine, as its user: the socket has all rights'],
  ],
  no_reload: ['reload_refused'],
  unauthorized: [
    'admin_denied',
    [
      'try',
      'MCPLEX_ADMIN__TOKEN_FILE, with the path of a file that has the token, or MCPLEX_ADMIN__TOKENS with the token',
    ],
  ],
}

function asFailure({ reason, message, status }: AdminError, name: string): CommandFailed {
  const [code, ...notes] = codes[reason] ?? ['instance_silent']
  if (code === 'instance_silent') return failed(code, `${name} refused: ${message} (${reason}, ${status})`, notes)
  return failed(code, message, notes)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function failed(code: FailureCode, message: string, notes: Failure['notes']): CommandFailed {
  return new CommandFailed([{ code, message, notes }])
}
