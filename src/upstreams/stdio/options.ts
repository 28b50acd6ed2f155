/** The settings of a stdio upstream: the command, and where and with what it runs. */
import type { OptionTable } from '../../base/option.ts'

export interface StdioSettings {
  /** The program to start; found through PATH, run without a shell. */
  readonly command: string
  readonly args: readonly string[]
  /** The complete environment of the child; nothing else is inherited. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
}

/** For `config`, which shows how the environment of a child is made. */
export { childEnvironment } from './environment.ts'

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
}
