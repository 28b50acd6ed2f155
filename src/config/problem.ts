/**
 * Problems of a configuration, each with a public code, the place of the value, and what would be accepted there. They
 * never contain the value of a variable that is passed to a server.
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
  | 'config_name'
  | 'config_exposed'
  | 'config_tls'

export interface Problem {
  readonly code: ConfigCode
  /** The place of the value: `--pool`, `MCP_CONNECTION_POOL_SIZE` or `upstream.pool`. */
  readonly where: string
  /** What happened, naming the place and the value. */
  readonly message: string
  /** More lines, each a label and a text. */
  readonly notes: ReadonlyArray<readonly [label: string, text: string]>
}

/** Thrown with all problems at once, so that they can be fixed in one go. */
export class ConfigError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map((problem) => problem.message).join('; '))
    this.name = 'ConfigError'
    this.problems = problems
  }
}
