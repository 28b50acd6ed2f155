/** Opens the Unix socket of the settings, or explains why that fails and what to do. */
import { basename } from 'node:path'
import { CommandFailed, type Failure } from '../../failures.ts'
import { codeOf } from './open-port.ts'

/**
 * @param quote where the path was set, such as `--socket x`
 * @param open listens there; rejects with Node's error
 * @throws CommandFailed with listen_failed
 */
export async function openSocket<Listener>(
  path: string,
  quote: string | undefined,
  open: () => Promise<Listener>,
): Promise<Listener> {
  try {
    return await open()
  } catch (error) {
    const code = codeOf(error)
    if (code === undefined) throw error
    throw new CommandFailed([failure(code, path, quote === undefined ? '' : ` (${quote})`)])
  }
}

function failure(code: string, path: string, said: string): Failure {
  const as = (message: string, ...notes: Failure['notes']): Failure => ({ code: 'listen_failed', message, notes })
  switch (code) {
    case 'EADDRINUSE':
      return as(
        `a server listens at the socket ${path} already, or is about to${said}`,
        ['try', 'another path'],
        ['or', `end the program that uses it: ss -xlp | grep ${basename(path)}`],
      )
    case 'ENAMETOOLONG':
      return as(`the path of the socket ${path} is longer than the system takes${said}`, [
        'try',
        'a shorter one, as in /run or /tmp',
      ])
    case 'EEXIST':
      return as(`${path} is there, and is no socket${said}`, ['try', 'the path of a file that is not there yet'])
    case 'ENOENT':
      return as(`the directory of the socket ${path} is not there${said}`, ['try', `mkdir -p "$(dirname ${path})"`])
    case 'EACCES':
    case 'EPERM':
      return as(`this user may not open the socket ${path}${said}`, ['try', 'a directory that this user may write to'])
    default:
      return as(`the socket ${path} cannot be opened: ${code}${said}`, ['try', 'a path in a directory on a local disk'])
  }
}
