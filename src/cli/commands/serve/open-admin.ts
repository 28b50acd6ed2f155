/** Opens the door for operators, as the settings say: the Unix socket, and an address. */
import { randomBytes } from 'node:crypto'
import type { Log } from '../../../base/log.ts'
import { type Admin, type AdminNeeds, createAdmin } from '../../../admin/admin.ts'
import type { AdminToken } from '../../../admin/admin-tokens.ts'
import { rights } from '../../../admin/api.ts'
import { type AdminSettings, adminAddress } from '../../../config/admin-options.ts'
import { newToken, readAdminTokens } from '../../../config/admin-token.ts'
import { isLoopback } from '../../../transports/http/options.ts'
import { adminSocketPath } from '../../admin-socket.ts'
import { CommandFailed } from '../../failures.ts'
import type { AdminPlaces } from '../../running-instances.ts'
import { openPort } from './open-port.ts'

export interface OpenAdminNeeds extends AdminNeeds {
  readonly settings: AdminSettings
  readonly allowHosts: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether the next free port may be taken. */
  readonly mayChoose: boolean
  /** The typed command line with another value of `--admin`. */
  readonly lineWith: (address: string) => string
  /** Where the address was set; undefined for the default. */
  readonly quote: string | undefined
}

export interface OpenedAdmin {
  /** Where operators reach it; undefined if they cannot. */
  readonly places: AdminPlaces | undefined
  /** Cuts all connections; calling it again does nothing. */
  close(): void
}

/** @throws CommandFailed if the address or the token cannot be used; nothing is open then */
export async function openAdmin(needs: OpenAdminNeeds): Promise<OpenedAdmin> {
  if (needs.settings.listen === 'off') return { places: undefined, close() {} }
  const admin = createAdmin(needs)
  try {
    return { places: await openPlaces(admin, needs), close: admin.close }
  } catch (error) {
    admin.close()
    throw error
  }
}

async function openPlaces(admin: Admin, needs: OpenAdminNeeds): Promise<AdminPlaces | undefined> {
  const { settings, log } = needs
  const socket = settings.runtimeFile ? await openSocket(admin, needs.env, log) : undefined
  const address = settings.listen === undefined ? undefined : adminAddress(settings.listen)
  if (!address) return socket === undefined ? undefined : { socket }
  const { host } = address
  const given = settings.tokenFile === undefined ? undefined : tokensIn(settings.tokenFile)
  // Without a runtime file, no one would learn a token that is made here.
  if (given === undefined && !settings.runtimeFile) throw failed('the address of --admin needs a file with its token')
  const made = randomBytes(32).toString('base64url')
  const tokens = given ?? [{ token: made, rights: new Set(rights) }]
  const flag = needs.lineWith
  const wanted = {
    ...address,
    quote: needs.quote,
    mayChoose: needs.mayChoose,
    lineWith: (port: number) => flag(`${host}:${port}`),
    anyPort: `--admin ${host}:0, for any free one (the runtime file says which)`,
  }
  const open = (port: number): Promise<number> => admin.openPort({ host, port, tokens, allowHosts: needs.allowHosts })
  const port = await openPort(wanted, open)
  if (!isLoopback(host)) log.warn({ host }, 'the token for operators goes over the network in cleartext')
  const url = `http://${host === '0.0.0.0' ? '127.0.0.1' : host === '[::]' ? '[::1]' : host}:${port}`
  return { ...(socket !== undefined && { socket }), url, ...(given === undefined && { token: made }) }
}

/** Without the socket mcplex serves its clients all the same. */
async function openSocket(admin: Admin, env: OpenAdminNeeds['env'], log: Log): Promise<string | undefined> {
  try {
    const path = adminSocketPath(env)
    if (path === undefined) return undefined
    await admin.openSocket(path)
    return path
  } catch (error) {
    log.warn({ err: error }, 'the Unix socket for operators cannot be opened')
    return undefined
  }
}

/** @throws CommandFailed */
function tokensIn(path: string): readonly AdminToken[] {
  const read = readAdminTokens(path)
  if ('fault' in read) throw failed(`the file of the tokens, ${path}, ${read.fault}`)
  return read.tokens.map(({ token, rights: names }) => ({
    token,
    rights: new Set(rights.filter((right) => names.includes(right))),
  }))
}

function failed(message: string): CommandFailed {
  const notes = [['try', newToken]] as const
  return new CommandFailed([{ code: 'admin_token', message, notes }])
}
