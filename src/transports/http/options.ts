/** The settings of the HTTP transport. */
import type { OptionTable } from '../../base/option.ts'

export interface HttpSettings {
  /** The address to listen on. */
  readonly host: string
  /** The port to listen on; 0 takes any free one. */
  readonly port: number
  /** The Unix socket to listen at instead. */
  readonly socket: string | undefined
  /** The mode of its file, in octal digits. */
  readonly socketMode: string
  /** The file of the certificate chain, in PEM; with it and the key everything is served over TLS. */
  readonly tlsCert: string | undefined
  /** The file of its private key, in PEM. */
  readonly tlsKey: string | undefined
  /** Host names besides loopback and `host` under which requests are accepted. */
  readonly allowHosts: readonly string[]
  /** Origins besides loopback ones whose pages may send requests; compared exactly. */
  readonly allowOrigins: readonly string[]
  /** Largest request body, in bytes. */
  readonly maxBodyBytes: number
  /** Streams at once on one HTTP/2 connection. */
  readonly maxStreams: number
  /** Whether the transport HTTP+SSE is served as well. */
  readonly sse: boolean
  /** Whether an address other than loopback may be opened without authentication. */
  readonly insecure: boolean
  /** How long calls in flight may take when the server shuts down, in milliseconds. */
  readonly drainMs: number
}

/** Whether an address reaches only this machine. */
export function isLoopback(host: string): boolean {
  const bare = plainAddress(host)
  return bare === 'localhost' || bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare)
}

/** An address or name in its usual form: lower case, IPv6 in its shortest form and without brackets. */
export function plainAddress(host: string): string {
  const bare = host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  if (!bare.includes(':')) return bare
  const [address = '', zone] = bare.split('%')
  // An invalid address is left as it is: opening it fails later.
  const short = URL.canParse(`http://[${address}]/`) ? new URL(`http://[${address}]/`).hostname.slice(1, -1) : address
  return zone === undefined ? short : `${short}%${zone}`
}

const file = { accepted: 'the path of a file', test: (text: string) => text !== '' && !text.includes('\0') }

/** The kernels accept 108 bytes on Linux and 104 elsewhere, with a final zero byte. */
const maxSocketPath = 103

export const httpOptions: OptionTable<HttpSettings> = {
  host: {
    path: 'listen.host',
    kind: 'text',
    flag: 'host',
    env: 'HOST',
    about: 'The address to listen on. Any other than loopback needs --auth, or --insecure.',
    default: '127.0.0.1',
    shape: {
      accepted: 'an address or a host name without scheme and port: 127.0.0.1, ::1, localhost',
      test: (text) => /^[a-z0-9_.-]+$/i.test(text) || /^\[?[0-9a-f:.]*:[0-9a-f:.]*(%\w+)?\]?$/i.test(text),
    },
    why: 'Only this machine can reach it, so it needs no key.',
  },
  port: {
    path: 'listen.port',
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
  socket: {
    path: 'listen.socket',
    kind: 'text',
    isPath: true,
    flag: 'socket',
    about:
      'The path of a Unix socket to listen at, instead of an address and a port. A stale socket file is replaced, one in use is not.',
    default: { derived: 'none' },
    shape: {
      accepted: `a path of at most ${maxSocketPath} bytes in a directory that is there: /run/mcplex/mcp.sock`,
      test: (text) => text !== '' && !text.includes('\0') && Buffer.byteLength(text) <= maxSocketPath,
    },
    why: 'For a reverse proxy or a client on the same machine: the mode of the file decides which users may connect, and no port is taken.',
  },
  socketMode: {
    path: 'listen.socketMode',
    kind: 'text',
    flag: 'socket-mode',
    about: 'The mode of the file of the Unix socket, which decides which users may connect.',
    default: '600',
    shape: { accepted: 'three octal digits: 600, 660, 666', test: (text) => /^0?[0-7]{3}$/.test(text) },
    why: 'Any user that can connect can run the tools of the server, so by default only you can (660 allows a group).',
  },
  tlsCert: {
    path: 'listen.tlsCert',
    kind: 'text',
    isPath: true,
    flag: 'tls-cert',
    about:
      'The file of the certificate chain in PEM. With it and --tls-key everything is served over TLS; both files are read again when they change.',
    default: { derived: 'none' },
    shape: file,
    why: 'Loopback traffic needs no encryption, and a reverse proxy has its own certificate.',
  },
  tlsKey: {
    path: 'listen.tlsKey',
    kind: 'text',
    isPath: true,
    flag: 'tls-key',
    about: 'The file of the private key in PEM, without a passphrase.',
    default: { derived: 'none' },
    shape: file,
    why: 'A key is a secret: it is a file that only you may read, and never a flag or a variable.',
  },
  allowHosts: {
    path: 'listen.allowHosts',
    kind: 'list',
    flag: 'allow-host',
    about: 'A further host name under which requests are accepted, as behind a reverse proxy. Repeatable.',
    default: [],
    shape: {
      accepted: 'a host name without scheme, with a port if only that one is meant: mcp.example.com',
      test: (text) => /^([a-z0-9_.-]+|\[[0-9a-f:.]+\])(:\d{1,5})?$/i.test(text),
    },
    why: 'Protects against DNS rebinding: a page whose name is rebound to this machine is refused unless its name is listed.',
  },
  allowOrigins: {
    path: 'listen.allowOrigins',
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
    path: 'limits.maxBody',
    kind: 'bytes',
    about: 'Largest request body. A larger one is refused with `request_too_large` before it is read.',
    default: 4 * 1024 ** 2,
    min: 1024,
    max: 256 * 1024 ** 2,
    why: 'The limit of the official SDK, far above the arguments that a model writes.',
  },
  maxStreams: {
    path: 'limits.maxStreams',
    kind: 'count',
    about: 'Concurrent calls and event streams on one HTTP/2 connection; clients hold back further ones themselves.',
    default: 2_000,
    min: 1,
    max: 100_000,
    why: 'A thousand event streams with calls beside them, at some 10 KiB each; more clients open more connections.',
  },
  sse: {
    path: 'listen.sse',
    kind: 'switch',
    flag: 'no-sse',
    about:
      'Clients of HTTP+SSE, the transport of revision 2024-11-05, are served on /sse and /messages; with --no-sse they are not.',
    default: true,
    why: 'Clients that know no other transport find it at the usual paths. It does not affect other clients.',
  },
  insecure: {
    path: 'listen.insecure',
    kind: 'switch',
    flag: 'insecure',
    about: 'Opens an address other than loopback although clients need no credentials (`--auth none`).',
    default: false,
    why: 'Any program that reaches the port can run the tools of the server with your rights: that must be a decision.',
  },
  drainMs: {
    path: 'limits.drain',
    kind: 'duration',
    about: 'How long calls in flight may take when the server shuts down.',
    default: 30_000,
    min: 0,
    max: 3_600_000,
    why: 'What Kubernetes grants by default between SIGTERM and SIGKILL.',
  },
}
