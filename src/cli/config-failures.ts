/** The failures of settings: what `mcplex check` tells, and what ends `serve` and `up` before they begin. */
import type { ConfigCode } from '../config/problem.ts'
import { type FailureRow, failureRow } from './failure-row.ts'

export const configFailures: Readonly<Record<ConfigCode, FailureRow>> = {
  config_number: failureRow(
    78,
    'A value is not a whole number within the limits of its option.',
    'Use a number within the limits that the message names.',
  ),
  config_duration: failureRow(
    78,
    'A value is not a duration within the limits of its option.',
    'Use a number and a unit: 500ms, 30s, 10m, 2h.',
  ),
  config_size: failureRow(
    78,
    'A value is not a size within the limits of its option.',
    'Use a number and a unit: 64kb, 10mb, 1gb.',
  ),
  config_choice: failureRow(
    78,
    'A value is not one of the choices of its option.',
    'Use one of the choices that the message names.',
  ),
  config_value: failureRow(78, 'A value does not have the form of its option.', 'Use the form that the message shows.'),
  config_unknown_key: failureRow(
    78,
    'A setting or a variable that begins with MCPLEX_ is not known.',
    'Correct its name: docs/configuration.md lists all of them.',
  ),
  config_variable: failureRow(
    78,
    'A variable for the server is misnamed or not set.',
    'Set it in the environment of mcplex and hand it over with --env NAME.',
  ),
  config_command: failureRow(
    78,
    'The command to serve is missing or not usable.',
    'Write it behind --, with its arguments.',
  ),
  config_name: failureRow(
    78,
    'An upstream or an endpoint has a name that it cannot have.',
    'Use letters, digits, _ and -, at most 64, and for an endpoint not the name of an upstream.',
  ),
  config_exposed: failureRow(
    78,
    'An address other than loopback would be opened although clients need no credentials. As a warning: other users of this machine can use the file with the token of operators.',
    'Say --auth keys, or --insecure; or listen on 127.0.0.1 behind a reverse proxy that authenticates. For the file: chmod 600.',
  ),
  config_tls: failureRow(
    78,
    'The certificate or the key of TLS is missing, not readable, not PEM, or they do not belong together.',
    'Give both --tls-cert and --tls-key: files in PEM that this user may read, the key without a passphrase.',
  ),
  config_file: failureRow(
    78,
    'The configuration file cannot be found or read.',
    'Name it with --config, or write one with `mcplex init`.',
  ),
  config_missing: failureRow(
    78,
    'A program, a working directory, a module or the file of a token that the configuration names is not on this machine, a module imports what is not installed, or a limit cannot be enforced here.',
    'Install it or correct its path; for a limit, do what the message says. `mcplex up` serves the other servers meanwhile, and tries this one again.',
  ),
  config_syntax: failureRow(
    78,
    'The configuration file is not valid YAML or JSON.',
    'Correct it at the line and column that the message names.',
  ),
  config_structure: failureRow(
    78,
    'A part of the configuration file has another form than is expected there: a text, a list or a mapping.',
    'Give it the form that the message names.',
  ),
  config_skipped: failureRow(
    0,
    'A warning: a server of a client’s file is not served, and the rest of the file is.',
    'Nothing, unless clients are to reach that server here.',
  ),
}
