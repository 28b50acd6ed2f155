/** The settings of a stdio upstream: the command, and where and with what it runs. */
import type { OptionTable } from '../../base/option.ts'

export interface StdioSettings {
  /** The program to start; found through PATH, run without a shell. */
  readonly command: string
  readonly args: readonly string[]
  /** The complete environment of the child; nothing else is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
  /** The most memory of a worker and all processes that it starts, in bytes; 0: no limit. */
  readonly limitMemoryBytes: number
  /** The most processor time of a worker, as a share of one core such as `50%`; undefined: no limit. */
  readonly limitCpu: string | undefined
  /** The most processes and threads of a worker; 0: no limit. */
  readonly limitPids: number
  /** The user that workers run as, by name or number; undefined: the user of mcplex. */
  readonly limitUser: string | undefined
  /** Whether workers are started even if a limit cannot be enforced. */
  readonly limitBestEffort: boolean
  /** Above how much memory a worker is replaced when its calls are over, in bytes; 0: never. */
  readonly recycleMemoryBytes: number
}

/** For `config`, which shows how the environment of a child is made, and which limits cannot be enforced here. */
export { childEnvironment } from './environment.ts'
export { unenforceableLimits } from './unenforceable-limits.ts'

export const stdioOptions: OptionTable<StdioSettings> = {
  command: {
    kind: 'given',
    about: 'The program to start, found through PATH and run without a shell: what follows `--`.',
    default: { derived: 'none: it is required' },
    why: 'There is no server to serve otherwise.',
  },
  args: {
    kind: 'given',
    about: 'Its arguments, handed over as they are.',
    default: { derived: 'none' },
    why: 'They follow the program.',
  },
  env: {
    kind: 'given',
    flag: 'env',
    about: 'A variable for the server: NAME=VALUE, or NAME to hand over our own (use that for secrets). Repeatable.',
    default: { derived: 'PATH, HOME, USER, LOGNAME, SHELL, TERM, LANG, LC_*, TZ and TMPDIR of ours' },
    why: 'Our environment may hold secrets that the server must not see.',
  },
  cwd: {
    kind: 'text',
    isPath: true,
    flag: 'cwd',
    about: 'The directory in which the server runs.',
    default: { derived: 'the current one' },
    shape: { accepted: 'the path of a directory', test: (text) => text !== '' && !text.includes('\0') },
    why: 'Relative paths in the arguments of the server then mean what they mean to you.',
  },
  limitMemoryBytes: {
    path: 'upstream.limits.memory',
    kind: 'bytes',
    about:
      'The most memory of a process of the server, with all processes that it starts; 0: no limit. (`limits.memory` at the top of the file is the budget of mcplex itself.) Beyond it they are ended, and the calls that they ran end with `worker_memory`. Enforced by the kernel where mcplex may make control groups (v2), else by looking at resident memory every 250 ms or, with many processes, less often.',
    default: 0,
    min: 0,
    max: 1024 ** 5,
    why: 'What a server needs is not known. A limit keeps one that leaks, or was asked for too much, from taking the memory of all others.',
  },
  limitCpu: {
    path: 'upstream.limits.cpu',
    kind: 'text',
    about:
      'The most processor time of a process of the server, with all processes that it starts: a percentage of one core with its sign, such as `50%`. Needs control groups (v2).',
    default: { derived: 'no limit' },
    shape: {
      accepted: 'a share of one core: 50%, or 200% for two cores',
      test: (text) => /^[1-9]\d{0,5}%$/.test(text),
    },
    why: 'A server that computes for all cores slows down all others.',
  },
  limitPids: {
    path: 'upstream.limits.pids',
    kind: 'count',
    about:
      'The most processes and threads of a process of the server, with all that it starts; 0: no limit. Needs control groups (v2).',
    default: 0,
    min: 0,
    max: 4_000_000,
    why: 'A program that starts processes without end takes the process table of the whole machine.',
  },
  limitUser: {
    path: 'upstream.limits.user',
    kind: 'text',
    about:
      'The user, by name or number, that processes of the server run as. Only where mcplex runs as root: not with `DynamicUser=yes` of systemd.',
    default: { derived: 'the user that runs mcplex' },
    shape: { accepted: 'the name or number of a user', test: (text) => /^[A-Za-z0-9_][A-Za-z0-9_.-]*\$?$/.test(text) },
    why: 'A server that need not read the files of mcplex should not be able to.',
  },
  limitBestEffort: {
    path: 'upstream.limits.bestEffort',
    kind: 'switch',
    about:
      'Start the server even if its `limits.memory`, `limits.cpu` or `limits.pids` cannot be enforced here. A warning says which.',
    default: false,
    why: 'A limit that silently does nothing is worse than none; on a developer machine it may be fine.',
  },
  recycleMemoryBytes: {
    path: 'upstream.pool.recycle.memory',
    kind: 'bytes',
    about:
      'A process that takes more memory than this, with all processes that it starts, gets no further call and is replaced when its calls are over; 0: never. One without a call so far is replaced after ten minutes at the earliest. What it keeps for its clients is lost, as when it crashes.',
    default: 0,
    min: 0,
    max: 1024 ** 5,
    why: 'For a server that leaks. Choose less than its `limits.memory`, so that no call is lost.',
  },
}
