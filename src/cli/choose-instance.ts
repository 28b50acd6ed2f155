/** Which of the running instances a command means: by process, by file, by this folder, or the only one. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { CommandFailed, type Failure, type FailureCode } from './failures.ts'
import { wrongUsage } from './commands/command.ts'
import { runningIn, type RunningInstance } from './running-instances.ts'

/** What a command line says of the instance that it means. */
export interface InstanceWish {
  /** The file that it serves; undefined if it does not matter. */
  readonly file: string | undefined
  /** Its process; undefined if it does not matter. */
  readonly pid: number | undefined
}

export function addInstanceOptions(command: Command): void {
  command
    .addOption(new Option('-c, --config <file>', 'The file of the mcplex that is meant, if several run.'))
    .addOption(new Option('--pid <pid>', 'The process that is meant, if several run.').conflicts('config'))
}

/** @throws CommandFailed with usage */
export function instanceWishOf(command: Command): InstanceWish {
  const { config, pid } = command.opts<{ config?: string; pid?: string }>()
  return { file: config, pid: pid === undefined ? undefined : pidOf(pid, command.name()) }
}

function pidOf(text: string, verb: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text)
  throw wrongUsage(`--pid ${JSON.stringify(text)} is not the id of a process`, ['try', `mcplex ${verb}`])
}

/**
 * The instance that is meant, with the folder of its runtime file.
 * @param needsFile whether only instances with a file are candidates
 * @throws CommandFailed if there is none, or several
 */
export function chooseInstance(
  { file, pid }: InstanceWish,
  env: Readonly<Record<string, string | undefined>>,
  needsFile: boolean,
): { readonly folder: string; readonly instance: RunningInstance } {
  const folder = process.cwd()
  const all = runningIn(env).filter(({ instance }) => !needsFile || instance.config !== undefined)
  const named = all.filter(({ instance }) => {
    if (pid !== undefined) return instance.pid === pid
    return file === undefined || instance.config === resolve(folder, file)
  })
  const here = named.filter(({ instance }) => instance.cwd === folder)
  const candidates = named.length > 1 && here.length > 0 ? here : named
  const [only, ...others] = candidates
  if (only && others.length === 0) return only
  const what = needsFile ? 'mcplex up' : 'mcplex'
  if (only)
    throw failed('instance_ambiguous', `${candidates.length} ${what} run: say which one`, [['try', list(candidates)]])
  const which = pid === undefined ? (file === undefined ? '' : ` with ${file}`) : ` as process ${pid}`
  throw failed('instance_missing', `no ${what} of this user runs${which}`, [
    all.length > 0 ? ['try', list(all)] : ['try', 'mcplex up, to start one'],
    [
      'note',
      'found are those of this user on this machine, unless MCPLEX_ADMIN__RUNTIME_FILE is off or their file is a pipe',
    ],
  ])
}

function list(found: ReadonlyArray<{ readonly instance: RunningInstance }>): string {
  return found.map(({ instance: { pid, config, server } }) => `--pid ${pid}   ${config ?? server.name}`).join('\n')
}

function failed(code: FailureCode, message: string, notes: Failure['notes']): CommandFailed {
  return new CommandFailed([{ code, message, notes }])
}
