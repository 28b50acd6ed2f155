/** Explains a wrong command line: what is wrong, and the complete line that was probably meant, to paste. */
import type { Command, CommanderError } from 'commander'
import { maskWord } from '../base/mask-command.ts'
import { didYouMean } from '../base/did-you-mean.ts'
import type { CommandFailed } from './failures.ts'
import { showWords } from './shell-words.ts'
import { wrongUsage } from './commands/command.ts'

const anExample = 'mcplex serve -- npx -y @modelcontextprotocol/server-everything'

/** An example of the required argument of each verb. */
const minimal: Readonly<Record<string, string>> = { connect: 'http://127.0.0.1:8080/mcp', config: 'cursor' }

/**
 * @param error the error of commander
 * @param verbs all verbs
 */
export function usageFailure(error: CommanderError, argv: readonly string[], verbs: readonly Command[]): CommandFailed {
  const [first = ''] = argv
  const verb = verbs.find((command) => command.name() === first)
  const { what, hint, accepted } = faultOf(error)
  if (error.code === 'commander.missingArgument' && first in minimal)
    return wrongUsage(
      what,
      ['try', `mcplex ${showWords([...argv, minimal[first] ?? ''])}`],
      ['or', `mcplex ${first} --help`],
    )
  const message = hint === undefined ? what : `${what}: did you mean ${hint}?`
  if (error.code === 'commander.help')
    return first === 'help'
      ? wrongUsage(`there is no verb '${argv[1] ?? ''}'`, ['try', 'mcplex help'])
      : wrongUsage('a verb is missing', ['try', anExample], ['or', 'mcplex help'])
  if (verb === undefined) return withoutVerb(message, argv, verbs, hint)
  const better = betterLine(error, argv, hint)
  const help = `mcplex ${first} --help`
  return wrongUsage(
    message,
    ...(accepted === undefined ? [] : [['accepted', accepted] as const]),
    ...(better === undefined ? [['try', help] as const] : [['try', better] as const, ['or', help] as const]),
  )
}

/** What is wrong, the name that was probably meant, and the accepted values. */
interface Fault {
  readonly what: string
  readonly hint: string | undefined
  readonly accepted: string | undefined
}

function faultOf(error: CommanderError): Fault {
  const [first = '', ...rest] = error.message.replace(/^error: /, '').split('\n')
  // "option '--scope <scope>' argument 'usr' is invalid. Allowed choices are project, user."
  const [, value, accepted] = /'([^']*)' is invalid.* Allowed choices are (.+)\.$/.exec(first) ?? []
  const hint = /\(Did you mean ([^?]+)\?\)/.exec(rest.join(' '))?.[1]
  if (value === undefined || accepted === undefined) return { what: first, hint, accepted }
  const flag = /option '(?:-\w, )?(--[\w-]+)/.exec(first)?.[1]
  const what = flag === undefined ? `'${value}' is not known here` : `${flag} ${value} is not one of the choices`
  return { what, hint: didYouMean(value, accepted.split(', ')), accepted }
}

/** The first word is missing, an option, or not a verb. */
function withoutVerb(
  message: string,
  argv: readonly string[],
  verbs: readonly Command[],
  hint: string | undefined,
): CommandFailed {
  const [first = '', ...rest] = argv
  if (/^https?:\/\//i.test(first))
    return wrongUsage(
      `a verb is missing in front of ${withoutSecrets(first)}`,
      ['try', `mcplex connect ${showWords(argv.map(withoutSecrets))}`],
      ['note', 'connect bridges a client that can only start commands; others take the URL itself'],
    )
  if (verbs.some((command) => command.name() === hint))
    return wrongUsage(message, ['try', `mcplex ${showWords([hint ?? '', ...rest])}`], ['or', 'mcplex help'])
  const serve = verbs.find((command) => command.name() === 'serve')
  const isCommand = !first.startsWith('-')
  const flag = first.replace(/=.*/s, '')
  const isOption = serve?.options.some(({ long, short }) => flag === long || flag === short)
  if (!isCommand && isOption !== true && first !== '--') return wrongUsage(message, ['try', 'mcplex help'])
  const meant = `mcplex serve ${showWords(isCommand ? ['--', ...argv] : argv)}`
  const missing = isCommand ? `there is no verb '${first}'` : 'a verb is missing'
  return wrongUsage(`${missing}; a server is started by serve`, ['try', meant], ['or', 'mcplex help'])
}

/** A URL without the part before an @, which may be a password, and with other secrets masked. */
function withoutSecrets(url: string): string {
  return maskWord(url.replace(/\/\/[^/@]*@/, '//'))
}

/** The same line with the wrong word corrected; undefined if it is not known which. */
function betterLine(error: CommanderError, argv: readonly string[], hint: string | undefined): string | undefined {
  const wrong = /(?:unknown option|value|argument) '([^'=]*)/.exec(error.message)?.[1]
  const quoted = argv.indexOf('--stdio')
  // An unknown option after --stdio is one of the server, which needs one quoted text, or `--`.
  if (error.code === 'commander.unknownOption' && wrong !== undefined && quoted >= 0 && argv.indexOf(wrong) > quoted)
    return `mcplex ${showWords([...argv.slice(0, quoted), '--', ...argv.slice(quoted + 1)])}`
  if (wrong === undefined || hint === undefined || hint.startsWith('one of')) return undefined
  const at = argv.findIndex((word) => word === wrong || word.endsWith(`=${wrong}`) || word.startsWith(`${wrong}=`))
  if (at < 0) return undefined
  return `mcplex ${showWords(
    argv.with(
      at,
      (argv[at] ?? '').replace(wrong, () => hint),
    ),
  )}`
}
