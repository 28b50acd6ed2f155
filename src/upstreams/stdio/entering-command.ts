/**
 * A command that first enters the control group of its worker: a shell writes a zero to a descriptor, which moves it into
 * the group, and becomes the program. So not one instruction of the program runs outside, and nothing that it starts.
 * [cgroup-v2, "Processes"; the rights are those of the process that has opened the file]
 *
 * The program gets the environment that it would get otherwise. A shell drops variables whose names it cannot have, and
 * sets some by itself: where such a variable is given, there is no such command.
 */
import { existsSync } from 'node:fs'
import { isRunnable, pathOfSystem } from '../../base/find-program.ts'
import type { ChildCommand } from './child.ts'

/** The descriptor through which the group is entered. */
const entryDescriptor = 3

const shell = '/bin/sh'

/** What a shell sets is taken away again: no name of these is given. */
const program = `
echo 0 2>/dev/null >&${entryDescriptor} || [ "$1" = any ] || {
  echo 'the process cannot enter its control group, so its limits cannot be enforced' >&2
  exit 126
}
shift
exec ${entryDescriptor}>&-
unset PWD OLDPWD SHLVL
exec "$@"
`

/** Variables that shells set or change, whatever they were given. */
const ownNames: ReadonlySet<string> = new Set(
  'BASHOPTS BASHPID DIRSTACK EUID FUNCNAME GROUPS HISTCMD IFS LINENO OLDPWD OPTIND PPID PWD RANDOM SECONDS SHELLOPTS SHLVL UID _'.split(
    ' ',
  ),
)

/**
 * The command and its arguments; undefined if it has to be started as it is: no shell, a variable that does not go through
 * it, or a program that is not found, of which the system itself should tell.
 * @param environment of the program
 * @param isLimited whether it may not run outside of the group
 */
export function enteringCommand(
  { command, args, cwd }: Pick<ChildCommand, 'command' | 'args' | 'cwd'>,
  environment: Readonly<Record<string, string>>,
  isLimited: boolean,
): { readonly command: string; readonly args: readonly string[] } | undefined {
  if (!Object.keys(environment).every((name) => /^[A-Za-z_]\w*$/.test(name) && !ownNames.has(name))) return undefined
  // A shell would take it for an option.
  if (command.startsWith('-') || !existsSync(shell)) return undefined
  if (!isRunnable(command, environment['PATH'] ?? pathOfSystem, cwd ?? '.')) return undefined
  return { command: shell, args: ['-c', program, 'sh', isLimited ? 'limited' : 'any', command, ...args] }
}
