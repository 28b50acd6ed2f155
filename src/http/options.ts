/** The settings of the HTTP edge. */
import type { OptionTable } from '../base/option.ts'

export interface HttpSettings {
  /** The address to listen on. */
  readonly host: string
  /** The port to listen on; 0 takes any free one. */
  readonly port: number
  /** Host names besides loopback and `host` under which requests are accepted. */
  readonly allowHosts: readonly string[]
  /** Origins besides loopback ones whose pages may send requests; compared to the letter. */
  readonly allowOrigins: readonly string[]
  /** Largest request body, in bytes. */
  readonly maxBodyBytes: number
  /** Whether an address other than loopback may be opened without authentication. */
  readonly insecure: boolean
  /** How long calls in flight may take when the server shuts down, in milliseconds. */
  readonly drainMs: number
}

/** Whether an address reaches only this machine. */
export function isLoopback(host: string): boolean {
  const bare = host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  return bare === 'localhost' || bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare)
}

export const httpOptions: OptionTable<HttpSettings> = {
  host: {
    kind: 'text',
    flag: 'host',
    env: 'HOST',
    about: 'The address to listen on. Another one than loopback needs --insecure, as nobody is authenticated.',
    default: '127.0.0.1',
    shape: {
      accepted: 'an address or a host name without scheme and port: 127.0.0.1, ::1, localhost',
      test: (text) => /^[a-z0-9_.-]+$/i.test(text) || /^\[?[0-9a-f:.]*:[0-9a-f:.]*(%\w+)?\]?$/i.test(text),
    },
    why: 'Nobody but this machine can reach it, so it needs no key.',
  },
  port: {
    kind: 'count',
    flag: 'port',
    short: 'p',
    env: 'PORT',
    about: 'The port to listen on; 0 takes any free one.',
    default: 8080,
    min: 0,
    max: 65_535,
    why: 'The customary port of a local HTTP service, and none of the ports that MCP tools already use.',
  },
  allowHosts: {
    kind: 'list',
    flag: 'allow-host',
    about: 'A further host name under which requests are accepted, as behind a reverse proxy. Repeatable.',
    default: [],
    shape: {
      accepted: 'a host name without scheme, with a port if only that one is meant: mcp.example.com',
      test: (text) => /^([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i.test(text),
    },
    why: 'A page that rebinds its name to this machine is kept out as long as its name is not listed.',
  },
  allowOrigins: {
    kind: 'list',
    flag: 'allow-origin',
    about: 'A further origin whose web pages may send requests. Repeatable.',
    default: [],
    shape: {
      accepted: 'scheme, host and port if it is not the usual one, without a path: https://app.example.com',
      test: (text) => URL.canParse(text) && new URL(text).origin === text,
    },
    why: 'Programs send no Origin header; only web pages need this, and those are named one by one.',
  },
  maxBodyBytes: {
    kind: 'bytes',
    about: 'Largest request body. A larger one is refused with `request_too_large` before it is read.',
    default: 4 * 1024 ** 2,
    min: 1024,
    max: 256 * 1024 ** 2,
    why: 'The limit of the official SDK, far above the arguments that a model writes.',
  },
  insecure: {
    kind: 'switch',
    flag: 'insecure',
    about: 'Opens an address other than loopback although nobody is authenticated.',
    default: false,
    why: 'Whoever reaches the port can run the tools of the server with your rights: that must be a decision.',
  },
  drainMs: {
    kind: 'duration',
    about: 'How long calls in flight may take when the server shuts down.',
    default: 30_000,
    min: 0,
    max: 3_600_000,
    why: 'What Kubernetes grants by default between SIGTERM and SIGKILL.',
  },
}
