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
  | 'config_file'
  | 'config_missing'
  | 'config_syntax'
  | 'config_structure'
  | 'config_skipped'

/** Where in a file a problem is. Lines and columns count from 1. */
export interface FilePlace {
  readonly file: string
  readonly line: number
  readonly column: number
  /** The line with the one before it and a mark below, to be printed as they are; secrets are masked. */
  readonly frame: readonly string[]
}

/** A place as messages name it: `mcplex.yaml:3:9`. */
export function whereOf({ file, line, column }: FilePlace): string {
  return `${file}:${line}:${column}`
}

export interface Problem {
  readonly code: ConfigCode
  /** The place of the value: `--pool`, `MCP_CONNECTION_POOL_SIZE`, `upstream.pool` or `mcplex.yaml:17:13`. */
  readonly where: string
  /** What happened, naming the place and the value. */
  readonly message: string
  /** More lines, each a label and a text. */
  readonly notes: ReadonlyArray<readonly [label: string, text: string]>
  /** Given if the value stands in a file. */
  readonly place?: FilePlace
}

/** The problem with ways out, best first. */
export function withWays(problem: Problem, ways: readonly string[] = []): Problem {
  return { ...problem, notes: [...problem.notes, ...ways.map((way, at) => [at === 0 ? 'try' : 'or', way] as const)] }
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
