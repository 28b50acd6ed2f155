/**
 * What is wrong with a configuration: every problem found, each with a public code, where the value came from, and
 * what would be accepted there. Never holds the value of a variable that is handed to a server.
 */

export type ConfigCode =
  | 'config_number'
  | 'config_duration'
  | 'config_size'
  | 'config_choice'
  | 'config_value'
  | 'config_unknown_key'
  | 'config_variable'
  | 'config_command'
  | 'config_exposed'
  | 'config_tls'

export interface Problem {
  readonly code: ConfigCode
  /** Where the value was said: `--pool`, `MCP_CONNECTION_POOL_SIZE` or `upstream.pool`. */
  readonly where: string
  /** What happened, naming the place and the value. */
  readonly message: string
  /** Further lines: a label and a text. */
  readonly notes: ReadonlyArray<readonly [label: string, text: string]>
}

/** Thrown with all problems at once, so that nobody has to find them one by one. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map((problem) => problem.message).join('; '))
    this.name = 'ConfigError'
    this.problems = problems
  }
}
