/**
 * Opens the port of the settings. If it is in use and a user is watching, the next free port is used and shown. A program
 * would not notice that, so without a terminal it is a failure with remedies.
 */
import { CommandFailed, type Failure } from '../../failures.ts'

/** How many ports after the one in use are tried. */
const tries = 20

export interface Wanted {
  readonly host: string
  readonly port: number
  /** Where the port was set, such as `--port 80`; undefined for the default. */
  readonly quote: string | undefined
  readonly mayChoose: boolean
  /** The typed command line with another port. */
  readonly lineWith: (port: number) => string
  /** How to take any free one. */
  readonly anyPort?: string
}

/**
 * @param open listens on a port; rejects with node's error
 * @throws CommandFailed with port_in_use or listen_failed
 */
export async function openPort<Listener>(wanted: Wanted, open: (port: number) => Promise<Listener>): Promise<Listener> {
  const last = wanted.mayChoose && wanted.port > 0 ? Math.min(wanted.port + tries, 65_535) : wanted.port
  for (let port = wanted.port; ; port++) {
    try {
      return await open(port)
    } catch (error) {
      const code = codeOf(error)
      if (code === undefined) throw error
      if (code !== 'EADDRINUSE' || port >= last) throw new CommandFailed([failure(code, wanted)])
    }
  }
}

function failure(code: string, { host, port, quote, mayChoose, lineWith, anyPort }: Wanted): Failure {
  const said = quote === undefined ? '' : ` (${quote})`
  switch (code) {
    case 'EADDRINUSE':
      return {
        code: 'port_in_use',
        message: `port ${port} of ${host} is in use${mayChoose ? `, and so are the ${tries} after it` : ''}${said}`,
        notes: [
          ['try', lineWith(port < 65_535 ? port + 1 : port - 1)],
          ['or', `lsof -i :${port}, to see which program uses it`],
          ['or', anyPort ?? '--port 0, for any free one (--json shows which)'],
        ],
      }
    case 'EACCES':
      return {
        code: 'listen_failed',
        message: `port ${port} may not be opened by this user${said}`,
        notes: [['try', lineWith(8080)]],
      }
    case 'EADDRNOTAVAIL':
      return {
        code: 'listen_failed',
        message: `${host} is not an address of this machine`,
        notes: [['try', '--host 127.0.0.1, or --host 0.0.0.0 for all addresses']],
      }
    default:
      return {
        code: 'listen_failed',
        message: `${host} port ${port} cannot be opened: ${code}`,
        notes: [['try', '--host 127.0.0.1']],
      }
  }
}

/** The code of an error of the system; undefined for other errors. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
