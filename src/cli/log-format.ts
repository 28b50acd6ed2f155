/** Finds out the log format from the command line as typed: before it is parsed, or if parsing fails. */

type Environment = Readonly<Record<string, string | undefined>>

/** Verbs that log. Other verbs print for the user, even if stderr is no terminal. */
const logging = new Set(['serve', 'up', 'connect'])

/** The words before `--`: those after it belong to the server. */
export function ownWords(typed: readonly string[]): readonly string[] {
  const dashes = typed.indexOf('--')
  return dashes < 0 ? typed : typed.slice(0, dashes)
}

/** Whether the log is JSON, by the rules of `openRunContext`. */
export function isJsonLog(typed: readonly string[], env: Environment, isTerminal: boolean): boolean {
  const own = ownWords(typed)
  const flags = own.flatMap((word, at) => {
    if (word === '--log-format') return own[at + 1] ?? []
    return word.startsWith('--log-format=') ? word.slice('--log-format='.length) : []
  })
  const format = (flags.at(-1) ?? env['MCPLEX_LOG__FORMAT'] ?? '').toLowerCase()
  if (format === 'json' || format === 'pretty') return format === 'json'
  return !isTerminal && logging.has(own[0] ?? '')
}
