/**
 * Parses the command line with commander: the verbs, help and usage errors. Each verb is declared in
 * `commands/<verb>/command.ts`. Nothing is run here.
 */
import { Command, CommanderError } from 'commander'
import { type CheckRequest, checkVerb } from './commands/check/command.ts'
import { type ConfigRequest, configVerb } from './commands/config/command.ts'
import { type ConnectRequest, connectVerb } from './commands/connect/command.ts'
import { type BreakerRequest, breakerVerb } from './commands/breaker/command.ts'
import { type DrainRequest, drainVerb } from './commands/drain/command.ts'
import { type TenantsRequest, tenantsVerb } from './commands/tenants/command.ts'
import { type ErrorsRequest, errorsVerb } from './commands/errors/command.ts'
import { type ExplainRequest, explainVerb } from './commands/explain/command.ts'
import { type InitRequest, initVerb } from './commands/init/command.ts'
import { type KeysRequest, keysVerb } from './commands/keys/command.ts'
import { type PsRequest, psVerb } from './commands/ps/command.ts'
import { type ReloadRequest, reloadVerb } from './commands/reload/command.ts'
import { type ServeRequest, serveVerb } from './commands/serve/command.ts'
import { type SessionsRequest, sessionsVerb } from './commands/sessions/command.ts'
import { type UpRequest, upVerb } from './commands/up/command.ts'
import { type UpstreamsRequest, upstreamsVerb } from './commands/upstreams/command.ts'
import { usageFailure } from './usage-failure.ts'
import type { Subcommand } from './commands/command.ts'

/** A parsed command line, by verb. */
export type Request =
  | ServeRequest
  | ConnectRequest
  | ConfigRequest
  | CheckRequest
  | InitRequest
  | UpRequest
  | ReloadRequest
  | UpstreamsRequest
  | PsRequest
  | SessionsRequest
  | TenantsRequest
  | ExplainRequest
  | ErrorsRequest
  | BreakerRequest
  | DrainRequest
  | KeysRequest

export interface ProgramNeeds {
  readonly version: string
  readonly out: (text: string) => void
  readonly err: (text: string) => void
}

const examples = `
What follows -- is the server, with its arguments. mcplex <verb> --help has the options of a verb, with the names that
they have in the environment.

Examples:
  mcplex serve -- npx -y @modelcontextprotocol/server-everything
  mcplex serve --port 9000 --pool 16 -- uvx mcp-server-git
  mcplex init && mcplex up
  mcplex config cursor --write
  mcplex connect http://127.0.0.1:8080/mcp`

/**
 * Parses the command line.
 * @returns the request; undefined if only help or the version was asked for, which was printed
 * @throws CommandFailed with usage
 */
export function readCommandLine(argv: readonly string[], needs: ProgramNeeds): Request | undefined {
  let request: Request | undefined
  const asked = (found: Request): void => void (request = found)
  const program = settle(new Command('mcplex'), needs, 'print the version; so does -v alone')
    .description('Serve any MCP server to many clients at once, each isolated, in both protocol eras.')
    .usage('[options] <verb>')
    .enablePositionalOptions()
    .helpCommand('help [verb]', 'print the help of a verb')
    .addHelpText('after', examples)
  const add = <Found extends Request>(verb: Subcommand<Found>): void =>
    verb.declare(settle(program.command(verb.name), needs), asked)
  add(serveVerb)
  add(upVerb)
  add(initVerb)
  add(checkVerb)
  add(reloadVerb)
  add(connectVerb)
  add(configVerb)
  add(keysVerb)
  add(psVerb)
  add(sessionsVerb)
  add(upstreamsVerb)
  add(tenantsVerb)
  add(explainVerb)
  add(errorsVerb)
  add(breakerVerb)
  add(drainVerb)
  try {
    // `-v` alone means the version, and not --verbose, for which there is no verb.
    program.parse(argv[0] === '-v' ? ['--version'] : argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return undefined
    throw usageFailure(error, argv, program.commands)
  }
  return request
}

function settle(command: Command, { version, out, err }: ProgramNeeds, about = 'print the version'): Command {
  return command
    .version(version, '-V, --version', about)
    .helpOption('-h, --help', 'print this help')
    .helpCommand(false)
    .exitOverride()
    .showSuggestionAfterError(true)
    .configureOutput({ writeOut: out, writeErr: err, outputError: () => {} })
}
