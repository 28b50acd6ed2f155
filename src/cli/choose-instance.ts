/** Which of the running instances a command means: by process, by file, by this folder, or the only one. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { CommandFailed, type Failure, type FailureCode } from './failures.ts'
import { wrongUsage } from './commands/command.ts'
import { runningIn, type RunningInstance } from './running-instances.ts'

/** What a command line says of the instance that it means. */
export interface InstanceWish {
  /** The verb that was typed, for what to type instead. */
  readonly verb: string
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
  const verb = command.name()
  return { verb, file: config, pid: pid === undefined ? undefined : pidOf(pid, verb) }
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
  { verb, file, pid }: InstanceWish,
  env: Readonly<Record<string, string | undefined>>,
  needsFile: boolean,
): { readonly folder: string; readonly instance: RunningInstance } {
  const folder = process.cwd()
  const running = runningIn(env)
  const all = running.filter(({ instance }) => !needsFile || instance.config !== undefined)
  const named = all.filter(({ instance }) => {
    if (pid !== undefined) return instance.pid === pid
    return file === undefined || instance.config === resolve(folder, file)
  })
  const isHere = ({ instance }: (typeof running)[number]): boolean => instance.cwd === folder
  if (needsFile && file === undefined) {
    // What is meant; another one is no answer to that.
    const isMeant = ({ instance }: (typeof running)[number]): boolean =>
      pid === undefined ? instance.cwd === folder && instance.isFromPipe === true : instance.pid === pid
    const without = running.filter((one) => isMeant(one) && one.instance.config === undefined)
    if (without.length > 0 && (pid !== undefined || !all.some(isHere))) throw noFile(without)
  }
  const here = named.filter(isHere)
  const candidates = named.length > 1 && here.length > 0 ? here : named
  const [only, ...others] = candidates
  if (only && others.length === 0) return only
  const what = needsFile ? 'mcplex up' : 'mcplex'
  if (only) {
    const where = candidates === here ? ' in this folder' : ''
    const elsewhere = named.length - candidates.length
    throw failed('instance_ambiguous', `${candidates.length} ${what} run${where}: say which one`, [
      ['try', list(candidates, verb)],
      ...(elsewhere > 0 ? [['note', `${elsewhere} more run elsewhere: mcplex ps lists all`] as const] : []),
    ])
  }
  const which = pid === undefined ? (file === undefined ? '' : ` with ${file}`) : ` as process ${pid}`
  throw failed('instance_missing', `no ${what} of this user runs${which}`, [
    all.length > 0 ? ['try', list(all, verb)] : ['try', 'mcplex up, to start one'],
    [
      'note',
      'found are those of this user on this machine, unless MCPLEX_ADMIN__RUNTIME_FILE is off or their file is a pipe',
    ],
  ])
}

/** The refusal for instances whose settings came from a pipe or a command line. */
function noFile(found: ReadonlyArray<{ readonly instance: RunningInstance }>): CommandFailed {
  const which = found.map(({ instance: { pid } }) => `process ${pid}`).join(', ')
  const what = `${which} has no file to read again: its settings came from a pipe or a command line`
  return failed('instance_missing', what, [
    ['try', 'start it with the path of a file: mcplex up --config FILE'],
    ['note', 'another mcplex is meant with --config FILE or --pid PID'],
  ])
}

function list(found: ReadonlyArray<{ readonly instance: RunningInstance }>, verb: string): string {
  return found
    .map(({ instance: { pid, config, server } }) => `mcplex ${verb} --pid ${pid}   ${config ?? server.name}`)
    .join('\n')
}

function failed(code: FailureCode, message: string, notes: Failure['notes']): CommandFailed {
  return new CommandFailed([{ code, message, notes }])
}
