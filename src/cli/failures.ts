/**
 * Every failure of the command, with its public code and its exit code: the source of the error texts in the terminal
 * and of `docs/errors.md`. Codes are never reused.
 */
import type { ConfigCode, FilePlace } from '../config/problem.ts'

export type FailureCode =
  | ConfigCode
  | 'usage'
  | 'port_in_use'
  | 'listen_failed'
  | 'upstream_start'
  | 'connect_denied'
  | 'connect_endpoint'
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
  | 'keys_file'
  | 'keys_write'
  | 'key_unknown'
  | 'internal'

interface Row {
  readonly exit: number
  /** What happened. */
  readonly meaning: string
  /** What to do about it. */
  readonly remedy: string
}

export const failures: Readonly<Record<FailureCode, Row>> = {
  usage: row(
    2,
    'The command line cannot be understood.',
    'Compare it with `mcplex help`, or with `--help` of the verb.',
  ),
  config_number: row(
    78,
    'A value is not a whole number within the limits of its option.',
    'Use a number within the limits that the message names.',
  ),
  config_duration: row(
    78,
    'A value is not a duration within the limits of its option.',
    'Use a number and a unit: 500ms, 30s, 10m, 2h.',
  ),
  config_size: row(
    78,
    'A value is not a size within the limits of its option.',
    'Use a number and a unit: 64kb, 10mb, 1gb.',
  ),
  config_choice: row(
    78,
    'A value is not one of the choices of its option.',
    'Use one of the choices that the message names.',
  ),
  config_value: row(78, 'A value does not have the form of its option.', 'Use the form that the message shows.'),
  config_unknown_key: row(
    78,
    'A setting or a variable that begins with MCPLEX_ is not known.',
    'Correct its name: docs/configuration.md lists all of them.',
  ),
  config_variable: row(
    78,
    'A variable for the server is misnamed or not set.',
    'Set it in the environment of mcplex and hand it over with --env NAME.',
  ),
  config_command: row(78, 'The command to serve is missing or not usable.', 'Write it behind --, with its arguments.'),
  config_name: row(
    78,
    'An upstream or an endpoint has a name that it cannot have.',
    'Use letters, digits, _ and -, at most 64, and for an endpoint not the name of an upstream.',
  ),
  config_exposed: row(
    78,
    'An address other than loopback would be opened although clients need no credentials. As a warning: other users of this machine can use the file with the token of operators.',
    'Say --auth keys, or --insecure; or listen on 127.0.0.1 behind a reverse proxy that authenticates. For the file: chmod 600.',
  ),
  config_tls: row(
    78,
    'The certificate or the key of TLS is missing, not readable, not PEM, or they do not belong together.',
    'Give both --tls-cert and --tls-key: files in PEM that this user may read, the key without a passphrase.',
  ),
  config_file: row(
    78,
    'The configuration file cannot be found or read.',
    'Name it with --config, or write one with `mcplex init`.',
  ),
  config_missing: row(
    78,
    'A program, a working directory, a module or the file of a token that the configuration names is not on this machine, a module imports what is not installed, or a limit cannot be enforced here.',
    'Install it or correct its path; for a limit, do what the message says. `mcplex up` serves the other servers meanwhile, and tries this one again.',
  ),
  config_syntax: row(
    78,
    'The configuration file is not valid YAML or JSON.',
    'Correct it at the line and column that the message names.',
  ),
  config_structure: row(
    78,
    'A part of the configuration file has another form than is expected there: a text, a list or a mapping.',
    'Give it the form that the message names.',
  ),
  config_skipped: row(
    0,
    'A warning: a server of a client’s file is not served, and the rest of the file is.',
    'Nothing, unless clients are to reach that server here.',
  ),
  port_in_use: row(
    1,
    'Another program listens on the port.',
    'End it, or choose another port with --port (0 takes any free one).',
  ),
  listen_failed: row(
    1,
    'The address or port cannot be opened.',
    'Use an address of this machine, and a port above 1023 unless mcplex has the right to lower ones.',
  ),
  upstream_start: row(
    69,
    'The MCP server could not be started, ended at once, or did not answer its handshake.',
    'Run the command by itself and read what it says; its last lines on stderr and stdout are part of the message.',
  ),
  connect_denied: row(
    77,
    'The endpoint does not let this client in (HTTP 401 or 403).',
    'Set a key that it accepts in MCPLEX_API_KEY, in the environment of `mcplex connect`.',
  ),
  connect_endpoint: row(
    78,
    'There is no MCP endpoint at the URL.',
    'Use the URL that `mcplex serve` prints as Endpoint; it ends in /mcp.',
  ),
  client_file: row(
    78,
    'The configuration file of a client is not valid JSON, or not of the form that the client reads.',
    'Correct it at the line and column that the message names; nothing was changed.',
  ),
  client_entry: row(
    1,
    'The configuration file of a client has another server of the same name.',
    'Choose another name with --name, or replace it with --force.',
  ),
  client_write: row(
    1,
    'The configuration file of a client cannot be found, read or written.',
    'See what the message says about the path, or name another file with --file.',
  ),
  init_exists: row(
    1,
    'The configuration file that `mcplex init` would write is there already.',
    'Check it with `mcplex check`, replace it with --force, or write another one with --config.',
  ),
  init_write: row(
    1,
    'The configuration file cannot be written.',
    'See what the message says about the path, or write another file with --config.',
  ),
  init_client: row(
    1,
    'The client or file of `mcplex init --from` starts no server on this machine, or there is no such client.',
    'Name another one, or take --from none for an example; the message says where was looked.',
  ),
  reload_refused: row(
    78,
    'A running `mcplex up` did not apply its configuration file: what was in force stays in force.',
    'Correct what the message names; `mcplex check` says whether the file is right.',
  ),
  instance_missing: row(
    1,
    'No running mcplex was found that could be asked, or none with that file or process id.',
    'Start it, as the same user and with the same XDG_RUNTIME_DIR; with MCPLEX_ADMIN__RUNTIME_FILE=false it cannot be found.',
  ),
  instance_ambiguous: row(
    1,
    'Several mcplex run that could be meant, and none of them in this folder alone.',
    'Name one by --pid, or by its file with --config.',
  ),
  instance_silent: row(
    1,
    'The running mcplex did not take the request.',
    'Try it again; /health and the log of that mcplex say whether it works.',
  ),
  admin_token: row(
    78,
    'The file with the token for operators cannot be read, or the token is too short.',
    'Name a file that this user may read, with at least 16 characters of visible ASCII, in MCPLEX_ADMIN__TOKEN_FILE.',
  ),
  admin_closed: row(
    1,
    'The running mcplex has no socket or address for operators.',
    'Start it without `--admin off` and with its runtime file, or ask it by `--admin URL`.',
  ),
  admin_denied: row(
    77,
    'The running mcplex did not accept the token.',
    'Name the file of its token in MCPLEX_ADMIN__TOKEN_FILE, or ask it on its machine as its user.',
  ),
  session_unknown: row(
    1,
    'The running mcplex has no session with that label, or several whose labels begin so.',
    'Use a label that `mcplex sessions` shows; `mcplex sessions --closed` shows those that have ended.',
  ),
  upstream_busy: row(
    1,
    'Calls or workers of an upstream have not ended within the 10 minutes of --wait; what was asked for is in force.',
    'See with `mcplex upstreams --workers` what still runs.',
  ),
  upstream_unknown: row(
    1,
    'The running mcplex has no upstream of that name.',
    'Use a name that `mcplex upstreams` shows; with `mcplex serve` it is `server`.',
  ),
  tenant_unknown: row(1, 'The running mcplex has no tenant of that name.', 'Use one that `mcplex tenants` shows.'),
  definition_unknown: row(
    1,
    'The upstream holds back no definition with that hash, or several whose hashes begin so.',
    'Use a hash that `mcplex upstreams` shows, or so much of it that no other one begins with it.',
  ),
  keys_file: row(
    78,
    'The file of API keys cannot be read, is not as `mcplex keys` writes it, or other users may write it.',
    'Mend what the message names: who can write the file can make keys.',
  ),
  keys_write: row(
    1,
    'The file of API keys cannot be written.',
    'Mend what the message names, or name another file with --keys-file.',
  ),
  key_unknown: row(
    1,
    'The file of API keys has no key of that id, or that key has ended.',
    'Use an id that `mcplex keys --all` shows.',
  ),
  internal: row(
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

function row(exit: number, meaning: string, remedy: string): Row {
  return { exit, meaning, remedy }
}
