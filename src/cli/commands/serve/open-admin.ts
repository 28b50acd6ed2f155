/** Opens the door for operators, as the settings say: the Unix socket, and an address. */
import type { Log } from '../../../base/log.ts'
import { type Admin, type AdminNeeds, createAdmin } from '../../../admin/admin.ts'
import { type AdminSettings, adminAddress } from '../../../config/admin-options.ts'
import { newToken } from '../../../config/admin-token.ts'
import { isLoopback } from '../../../transports/http/options.ts'
import { adminSocketPath } from '../../admin-socket.ts'
import { CommandFailed } from '../../failures.ts'
import type { AdminPlaces } from '../../running-instances.ts'
import { openPort } from './open-port.ts'
import { createOperatorTokens, type OperatorTokens, type TokenSettings } from './operator-tokens.ts'

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
  /** Takes over other tokens of the address. */
  take(settings: TokenSettings): void
  /** Cuts all connections; calling it again does nothing. */
  close(): void
}

/** @throws CommandFailed if the address or the token cannot be used; nothing is open then */
export async function openAdmin(needs: OpenAdminNeeds): Promise<OpenedAdmin> {
  if (needs.settings.listen === 'off') return { places: undefined, take() {}, close() {} }
  const admin = createAdmin(needs)
  const tokens = isAtAddress(needs) ? tokensFor(needs) : undefined
  const close = (): void => {
    tokens?.stop()
    admin.close()
  }
  try {
    return { places: await openPlaces(admin, tokens, needs), take: (settings) => tokens?.take(settings), close }
  } catch (error) {
    close()
    throw error
  }
}

function isAtAddress({ settings: { listen } }: OpenAdminNeeds): boolean {
  return listen !== undefined && adminAddress(listen) !== undefined
}

async function openPlaces(
  admin: Admin,
  tokens: OperatorTokens | undefined,
  needs: OpenAdminNeeds,
): Promise<AdminPlaces | undefined> {
  const { settings, log } = needs
  const socket = settings.runtimeFile ? await openSocket(admin, needs.env, log) : undefined
  const address = settings.listen === undefined ? undefined : adminAddress(settings.listen)
  if (!address || !tokens) return socket === undefined ? undefined : { socket }
  const { host } = address
  // Without a runtime file, no one would learn a token that is made here.
  if (tokens.made !== undefined && !settings.runtimeFile) throw failed('the address of --admin needs a token')
  const flag = needs.lineWith
  const wanted = {
    ...address,
    quote: needs.quote,
    mayChoose: needs.mayChoose,
    lineWith: (port: number) => flag(`${host}:${port}`),
    anyPort: `--admin ${host}:0, for any free one (the runtime file says which)`,
  }
  const open = (port: number): Promise<number> =>
    admin.openPort({ host, port, tokens: () => tokens.current, allowHosts: needs.allowHosts })
  const port = await openPort(wanted, open)
  if (!isLoopback(host)) log.warn({ host }, 'the token for operators goes over the network in cleartext')
  const url = `http://${host === '0.0.0.0' ? '127.0.0.1' : host === '[::]' ? '[::1]' : host}:${port}`
  return { ...(socket !== undefined && { socket }), url, ...(tokens.made !== undefined && { token: tokens.made }) }
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
function tokensFor({ settings, clock, log }: OpenAdminNeeds): OperatorTokens {
  const tokens = createOperatorTokens(settings, { clock, log })
  if ('fault' in tokens) throw failed(tokens.fault)
  return tokens
}

function failed(message: string): CommandFailed {
  const notes = [['try', newToken]] as const
  return new CommandFailed([{ code: 'admin_token', message, notes }])
}
