/** How operators find a running mcplex, and reach it. Only the command has these settings. */
import type { OptionTable } from '../base/option.ts'
import { readTokenLine } from './admin-token-line.ts'

export interface AdminSettings {
  /** Whether a file says where this process serves, for other commands of the same user. */
  readonly runtimeFile: boolean
  /** Where operators reach it besides the Unix socket: `HOST:PORT`, or a port; `off`: nowhere, not even there. */
  readonly listen: string | undefined
  /** The file with the tokens, one of which each request there must carry. */
  readonly tokenFile: string | undefined
  /** Further tokens, each with its rights behind it. */
  readonly tokens: readonly string[]
}

/** What a reload takes over; the rest takes a restart. */
export const reloadedAdminKeys: ReadonlySet<string> = new Set<keyof AdminSettings>(['tokens', 'tokenFile'])

export const adminOptions: OptionTable<AdminSettings> = {
  runtimeFile: {
    kind: 'switch',
    about:
      'Whether mcplex says in a file where it serves while it runs, so that other commands of the same user find it: in $XDG_RUNTIME_DIR/mcplex, or in a folder of this user among the temporary files. Beside it is the Unix socket for `mcplex ps` and the like.',
    default: true,
    why: 'The file is small, and only its user can read it. The one secret in it is the token of --admin, unless that comes from a file.',
  },
  listen: {
    path: 'admin.listen',
    kind: 'text',
    flag: 'admin',
    about:
      'An address at which operators reach mcplex besides the Unix socket: /api/v1 and /metrics, for requests with a token. `off` closes the socket as well.',
    default: { derived: 'the Unix socket beside the runtime file alone' },
    shape: {
      accepted: 'an address and a port, a port of 127.0.0.1, or off: 127.0.0.1:8081, [::1]:8081, 8081, off',
      test: (text) => adminAddress(text) !== undefined || text === 'off',
    },
    why: 'The socket needs no port and no token: only you can connect to it. An address is for Prometheus and for other machines.',
  },
  tokenFile: {
    path: 'admin.tokenFile',
    kind: 'text',
    isPath: true,
    about:
      'The file with the tokens of the address of --admin, of at least 16 characters each; every request must carry one. A line has a token and, behind it, its rights: `read` (look at everything, and /metrics), `act` (pause, recycle, end sessions, drain), `configure` (change what is served, delete data of tenants), joined by commas. A token alone has all of them. mcplex reads the file again within a second of a change.',
    default: { derived: 'a token with all rights is made at each start, and stands in the runtime file' },
    shape: { accepted: 'the path of a file', test: (text) => text !== '' && !text.includes('\0') },
    why: 'A token is a secret: in a file that only you may read it is safe, and can be replaced without a restart.',
  },
  tokens: {
    path: 'admin.tokens',
    kind: 'list',
    about:
      'Further tokens of that address, each with its rights behind it, joined by `+`: `TOKEN read+act`. A token alone has all of them. Keep them in variables or files: `${ADMIN_TOKEN} read`, `${file:/run/secrets/mcplex}`. Nothing shows them. A reload takes over others.',
    default: [],
    secretIn: (text) => text,
    shape: {
      accepted: 'a token of at least 16 visible characters without commas, and read, act, configure, joined by +',
      test: (text) => readTokenLine(text) !== undefined && !/^\s*\S*,/.test(text),
    },
    why: 'For platforms that give secrets as variables. Where others may see the variables of mcplex, use a file.',
  },
}

/** The address in a value of `admin.listen`; undefined if it is none. */
export function adminAddress(text: string): { readonly host: string; readonly port: number } | undefined {
  const form = /^(?:(\[[0-9a-f:.]{2,45}\]|[a-z0-9_][a-z0-9_.-]{0,252}):)?(\d{1,5})$/i.exec(text)
  const [, host = '127.0.0.1', port = ''] = form ?? []
  return form && Number(port) <= 65_535 ? { host, port: Number(port) } : undefined
}
