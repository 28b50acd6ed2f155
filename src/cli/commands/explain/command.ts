/** The command line of `explain`. */
import { Option } from 'commander'
import { type AskedCall, usualMethod } from '../../../gateway/explanation/asked-call.ts'
import { addDoorOptions, type DoorWish, doorWishOf } from '../../door.ts'
import { type Subcommand, wrongUsage } from '../command.ts'
import { addOutputOptions, type OutputOptions, outputOptionsOf } from '../output-options.ts'

/** A parsed `explain` command. */
export interface ExplainRequest extends OutputOptions {
  readonly verb: 'explain'
  readonly door: DoorWish
  readonly asked: AskedCall
  /** Whether the file alone decides, even if a mcplex runs with it. */
  readonly isFileAlone: boolean
}

const examples = `
Examples:
  mcplex explain --tenant acme --tool github__create_issue
  mcplex explain --tenant acme --endpoint github --tool create_issue --subject ann
  mcplex explain --tenant acme --resource mcplex://files/file:///notes/a.md
  mcplex explain --tenant acme --method tools/list

Names are those that clients see at the endpoint, which is /mcp if none is named. Each step is told in the order in which
mcplex decides, with the line of the file or the variable. If a mcplex runs with that file, it answers, with what is left
of limits and the state of the server; --file-alone asks the file. Nothing is taken of a limit, and nothing is called. Exit
codes: 0 the call would run, 1 it would be refused, or there is no such mcplex, 2 wrong usage, 77 the token was not
accepted, 78 the file is wrong.`

export const explainVerb: Subcommand<ExplainRequest> = {
  name: 'explain',
  declare(command, asked) {
    command
      .description('say what would happen to a call of a tenant, and by which line of the file')
      .usage('[options]')
      .addHelpText('after', examples)
      .addOption(new Option('--tenant <name>', 'Whose call it is.').default('default'))
      .addOption(new Option('--tool <name>', 'A tool that is called.').conflicts(['prompt', 'resource']))
      .addOption(new Option('--prompt <name>', 'A prompt that is got.').conflicts('resource'))
      .addOption(new Option('--resource <uri>', 'A resource that is read.'))
      .addOption(new Option('--method <method>', 'Another method: tools/list, resources/subscribe.'))
      .addOption(new Option('--endpoint <name>', 'The endpoint: files, or /mcp/files.').default('/mcp'))
      .addOption(new Option('--subject <name>', 'Whose limits are asked for: the user, or the holder of a key.'))
      .addOption(new Option('--issuer <url>', 'Who vouches for the subject, if it is not a key: the URL of an issuer.'))
      .addOption(new Option('--scopes <scopes>', 'What the credentials grant, with spaces between.'))
      .addOption(new Option('--file-alone', 'Ask the file, and no running mcplex.').conflicts(['pid', 'admin']))
    addDoorOptions(command)
    addOutputOptions(command, 'One JSON object on stdout: whether the call would run, and each step.')
    command.action(() => {
      const options = command.opts<Flags>()
      asked({
        verb: 'explain',
        ...outputOptionsOf(command),
        door: doorWishOf(command),
        asked: askedIn(options),
        isFileAlone: options.fileAlone === true,
      })
    })
  },
}

interface Flags {
  readonly tenant: string
  readonly tool?: string
  readonly prompt?: string
  readonly resource?: string
  readonly method?: string
  readonly endpoint: string
  readonly subject?: string
  readonly issuer?: string
  readonly scopes?: string
  readonly fileAlone?: boolean
}

function askedIn({ tenant, tool, prompt, resource, subject, issuer, scopes, ...flags }: Flags): AskedCall {
  const names = {
    ...(tool !== undefined && { tool }),
    ...(prompt !== undefined && { prompt }),
    ...(resource !== undefined && { resource }),
  }
  const method = flags.method ?? usualMethod(names)
  if (method === undefined)
    throw wrongUsage('nothing says which call is meant', ['try', `mcplex explain --tenant ${tenant} --tool NAME`])
  // The last part of a path or URL: `/mcp/files` is `files`, `/mcp` is that of all servers.
  const endpoint = flags.endpoint.replace(/^(?:https?:\/\/[^/]+)?\/?(?:mcp(?:\/|$))?/, '').replace(/\/$/, '')
  const granted = scopes?.split(' ').filter((one) => one !== '')
  // Without an issuer, a subject is the holder of a key.
  const by = issuer ?? (subject === undefined ? undefined : 'keys')
  return { tenant, subject, issuer: by, scopes: granted, endpoint, method, names }
}
