/** What the user is told when an endpoint does not let this client in. */
import type { Denied } from '../../../client/client-context.ts'
import { CommandFailed } from '../../failures.ts'
import type { SignIn } from '../../sign-in/sign-in.ts'

/** What was tried: the key in a place, or a sign-in. */
export type Tried = { readonly keyPlace: string } | { readonly keyEnv: string; readonly signIn: SignIn }

export function denial({ status, method }: Denied, url: URL, tried: Tried): CommandFailed {
  const endpoint = `${url.origin}${url.pathname}`
  if (status === 401) return unauthorized(endpoint, tried)
  if (status === 403)
    return failed('connect_denied', `${endpoint} does not let this client in (HTTP ${status})`, [
      ['try', 'keyPlace' in tried ? `a key with more rights in ${tried.keyPlace}` : `a key in ${tried.keyEnv}`],
      ['or', `--allow-host ${url.host} at mcplex serve, if it says forbidden_host`],
    ])
  return failed('connect_endpoint', `${endpoint} is no MCP endpoint (HTTP ${status} to ${method})`, [
    ['try', url.pathname === '/mcp' ? 'the URL that mcplex serve prints as Endpoint' : `${url.origin}/mcp`],
  ])
}

function unauthorized(endpoint: string, tried: Tried): CommandFailed {
  const required = `${endpoint} requires authentication (HTTP 401)`
  if ('keyPlace' in tried)
    return failed('connect_denied', required, [['try', `another key: the one in ${tried.keyPlace} is not accepted`]])
  const key = `a key in ${tried.keyEnv}, or in a file with --key-file`
  const { fault } = tried.signIn
  if (fault)
    return new CommandFailed([{ code: fault.code, message: fault.message, notes: [...fault.notes, ['or', key]] }])
  if (tried.signIn.hasToken)
    return failed('connect_denied', `${endpoint} does not accept the token that its authorization server has given`, [
      ['try', key],
      ['or', 'its operator: /health and the log say why the token is refused'],
    ])
  return failed('connect_denied', required, [['try', key]])
}

function failed(
  code: 'connect_denied' | 'connect_endpoint',
  message: string,
  notes: ReadonlyArray<readonly [string, string]>,
): CommandFailed {
  return new CommandFailed([{ code, message, notes }])
}
