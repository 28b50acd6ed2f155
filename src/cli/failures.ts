/**
 * Every failure of the command, with its public code and its exit code: the source of the error texts in the terminal
 * and of `docs/errors.md`. Codes are never reused.
 */
import type { ConfigCode, FilePlace } from '../config/problem.ts'
import { configFailures } from './config-failures.ts'
import { type FailureRow, failureRow } from './failure-row.ts'

export type FailureCode =
  | ConfigCode
  | 'usage'
  | 'port_in_use'
  | 'listen_failed'
  | 'upstream_start'
  | 'connect_denied'
  | 'connect_endpoint'
  | 'sign_in'
  | 'sign_in_file'
  | 'client_file'
  | 'client_entry'
  | 'client_write'
  | 'init_exists'
  | 'init_write'
  | 'init_client'
  | 'reload_refused'
  | 'instance_missing'
  | 'instance_ambiguous'
  | 'instance_silent'
  | 'admin_token'
  | 'admin_closed'
  | 'admin_denied'
  | 'session_unknown'
  | 'upstream_busy'
  | 'upstream_unknown'
  | 'tenant_unknown'
  | 'definition_unknown'
  | 'not_confirmed'
  | 'keys_file'
  | 'keys_write'
  | 'key_unknown'
  | 'internal'

export const failures: Readonly<Record<FailureCode, FailureRow>> = {
  usage: failureRow(
    2,
    'The command line cannot be understood.',
    'Compare it with `mcplex help`, or with `--help` of the verb.',
  ),
  ...configFailures,
  port_in_use: failureRow(
    1,
    'Another program listens on the port.',
    'End it, or choose another port with --port (0 takes any free one).',
  ),
  listen_failed: failureRow(
    1,
    'The address or port cannot be opened.',
    'Use an address of this machine, and a port above 1023 unless mcplex has the right to lower ones.',
  ),
  upstream_start: failureRow(
    69,
    'The MCP server could not be started, ended at once, or did not answer its handshake.',
    'Run the command by itself and read what it says; its last lines on stderr and stdout are part of the message.',
  ),
  connect_denied: failureRow(
    77,
    'The endpoint does not let this client in (HTTP 401 or 403).',
    'Set a key that it accepts in MCPLEX_API_KEY, in the environment of `mcplex connect`, or in the file of --key-file.',
  ),
  connect_endpoint: failureRow(
    78,
    'There is no MCP endpoint at the URL.',
    'Use the URL that `mcplex serve` prints as Endpoint; it ends in /mcp.',
  ),
  sign_in: failureRow(
    77,
    'The endpoint asks to sign in with a browser, and the sign-in was not completed.',
    'Do what the message says, or set a key in MCPLEX_API_KEY or --key-file.',
  ),
  sign_in_file: failureRow(
    78,
    'The file with the tokens of a sign-in cannot be used: it is open to other users, damaged, or cannot be read or written.',
    'Remove the file and sign in again; where others could read it, end the sign-in at the authorization server too.',
  ),
  client_file: failureRow(
    78,
    'The configuration file of a client is not valid JSON, or not of the form that the client reads.',
    'Correct it at the line and column that the message names; nothing was changed.',
  ),
  client_entry: failureRow(
    1,
    'The configuration file of a client has another server of the same name.',
    'Choose another name with --name, or replace it with --force.',
  ),
  client_write: failureRow(
    1,
    'The configuration file of a client cannot be found, read or written.',
    'See what the message says about the path, or name another file with --file.',
  ),
  init_exists: failureRow(
    1,
    'The configuration file that `mcplex init` would write is there already.',
    'Check it with `mcplex check`, replace it with --force, or write another one with --config.',
  ),
  init_write: failureRow(
    1,
    'The configuration file cannot be written.',
    'See what the message says about the path, or write another file with --config.',
  ),
  init_client: failureRow(
    1,
    'The client or file of `mcplex init --from` starts no server on this machine, or there is no such client.',
    'Name another one, or take --from none for an example; the message says where was looked.',
  ),
  reload_refused: failureRow(
    78,
    'A running `mcplex up` did not apply its configuration file: what was in force stays in force.',
    'Correct what the message names; `mcplex check` says whether the file is right.',
  ),
  instance_missing: failureRow(
    1,
    'No running mcplex was found that could be asked, or none with that file or process id.',
    'Start it, as the same user and with the same XDG_RUNTIME_DIR; with MCPLEX_ADMIN__RUNTIME_FILE=false it cannot be found.',
  ),
  instance_ambiguous: failureRow(
    1,
    'Several mcplex run that could be meant, and none of them in this folder alone.',
    'Name one by --pid, or by its file with --config.',
  ),
  instance_silent: failureRow(
    1,
    'The running mcplex did not take the request.',
    'Try it again; /health and the log of that mcplex say whether it works.',
  ),
  admin_token: failureRow(
    78,
    'The file with the tokens for operators cannot be read, a token is too short, there is no right of the name behind it, or a token is given twice.',
    'Name a file that this user may read in MCPLEX_ADMIN__TOKEN_FILE; a line of it is a token of at least 16 characters of visible ASCII and its rights. Or give tokens in MCPLEX_ADMIN__TOKENS. None may be given twice.',
  ),
  admin_closed: failureRow(
    1,
    'The running mcplex has no socket or address for operators.',
    'Start it without `--admin off` and with its runtime file, or ask it by `--admin URL`.',
  ),
  admin_denied: failureRow(
    77,
    'The running mcplex did not accept the token, or the token lacks the right to what was asked.',
    'Name the file of a token of it that has the right in MCPLEX_ADMIN__TOKEN_FILE, or ask it on its machine as its user.',
  ),
  session_unknown: failureRow(
    1,
    'The running mcplex has no session with that label, or several whose labels begin so.',
    'Use a label that `mcplex sessions` shows; `mcplex sessions --closed` shows those that have ended.',
  ),
  upstream_busy: failureRow(
    1,
    'Calls or workers of an upstream have not ended within the 10 minutes of --wait; what was asked for is in force.',
    'See with `mcplex upstreams --workers` what still runs.',
  ),
  upstream_unknown: failureRow(
    1,
    'The running mcplex has no upstream of that name.',
    'Use a name that `mcplex upstreams` shows; with `mcplex serve` it is `server`.',
  ),
  tenant_unknown: failureRow(
    1,
    'The running mcplex has no tenant of that name.',
    'Use one that `mcplex tenants` shows.',
  ),
  not_confirmed: failureRow(
    1,
    'The question at the terminal, whether to delete data, was not answered with yes; nothing was deleted.',
    'Type the name that is asked for, or say --yes.',
  ),
  definition_unknown: failureRow(
    1,
    'The upstream holds back no definition with that hash, or several whose hashes begin so.',
    'Use a hash that `mcplex upstreams` shows, or so much of it that no other one begins with it.',
  ),
  keys_file: failureRow(
    78,
    'The file of API keys cannot be read, is not as `mcplex keys` writes it, or other users may write it.',
    'Mend what the message names: who can write the file can make keys.',
  ),
  keys_write: failureRow(
    1,
    'The file of API keys cannot be written.',
    'Mend what the message names, or name another file with --keys-file.',
  ),
  key_unknown: failureRow(
    1,
    'The file of API keys has no key of that id, or that key has ended.',
    'Use an id that `mcplex keys --all` shows.',
  ),
  internal: failureRow(
    1,
    'A bug of mcplex ended the command; the server processes were ended with it.',
    'Report it with the log line.',
  ),
}

/** Exit codes without a failure. */
export const exits: ReadonlyArray<readonly [code: number, meaning: string]> = [
  [
    0,
    'ended by SIGTERM, `q`, a closed terminal, the end of npx or of stdin, after calls in flight were finished; or help and version were printed',
  ],
  [130, 'ended by SIGINT (Ctrl-C), after calls in flight were finished, or at once by a second one'],
  [143, 'ended at once by a second signal, the last of which was SIGTERM'],
]

/** A failure to show. */
export interface Failure {
  readonly code: FailureCode
  readonly message: string
  readonly notes: ReadonlyArray<readonly [label: string, text: string]>
  /** Given if it is about a place in a file. */
  readonly place?: FilePlace
}

/** Thrown to end the command with failures: `report.ts` shows them, `main.ts` exits with their code. */
export class CommandFailed extends Error {
  readonly failures: readonly Failure[]
  /** What the object of `--json` has besides. */
  readonly details: object

  constructor(found: readonly Failure[], details: object = {}) {
    super(found.map((failure) => failure.message).join('; '))
    this.name = 'CommandFailed'
    this.failures = found
    this.details = details
  }

  get exit(): number {
    const [first] = this.failures
    return first ? failures[first.code].exit : 1
  }
}
