/** How the log is written, told from the command line as it was typed: before it is understood, or if it cannot be. */

type Environment = Readonly<Record<string, string | undefined>>

/** Verbs that log. What others say is for the person who typed them, whatever reads it. */
const logging = new Set(['serve', 'connect'])

/** The words in front of `--`: what follows belongs to the server. */
export function ownWords(typed: readonly string[]): readonly string[] {
  const dashes = typed.indexOf('--')
  return dashes < 0 ? typed : typed.slice(0, dashes)
}

/** Whether the log is JSON, as `openWatch` would have it. */
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
