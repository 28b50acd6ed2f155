/** The verb `reload`: finds a running `mcplex up` by its runtime file, asks it to read its file again, and tells the result. */
import { resolve } from 'node:path'
import { pause, stayAwake, systemClock as clock } from '../../../base/clock.ts'
import type { Environment } from '../../../config/environment.ts'
import { CommandFailed, type FailureCode } from '../../failures.ts'
import type { Outputs } from '../../outputs.ts'
import { type ReloadResult, type RunningInstance, runningInstances } from '../../running-instances.ts'
import type { ReloadRequest } from './command.ts'

const lookEveryMs = 100

/** New servers are started before anything changes, and each may take its `startTimeout`. */
const longestMs = 10 * 60_000

/**
 * @returns the exit code
 * @throws CommandFailed if there is no such instance, or the file was not applied
 */
export async function reload(
  request: ReloadRequest,
  { env }: Environment,
  { stdout, stderr }: Outputs,
): Promise<number> {
  const instance = chosen(request, runningInstances(env))
  const awake = stayAwake()
  const { applied, lines, number } = await resultOf(instance, env).finally(() => awake.stop())
  const { pid, config } = instance
  const isReplaced = number > begun(instance) + 1
  if (!applied)
    throw failed('reload_refused', `${config ?? ''} was not applied by process ${pid}: what was in force stays`, [
      ...(isReplaced ? [['note', replacedByNewer] as const] : []),
      ['because', lines.join('\n')],
      ['try', 'mcplex check'],
    ])
  const shown = isReplaced ? [replacedByNewer, ...lines] : lines
  if (request.isJson)
    stdout.write(`${JSON.stringify({ event: 'reloaded', pid, file: config, lines, replaced: isReplaced })}\n`)
  else if (!request.isQuiet)
    stderr.write(`${config ?? ''} was applied by process ${pid}\n${shown.map((line) => `  ${line}\n`).join('')}`)
  return 0
}

/** Another reload has begun at the same time or later, and its file is the one that counts. */
const replacedByNewer = 'replaced by a newer reload, whose result this is'

/** How many reloads the instance had begun when it was looked at. */
function begun({ reloads = 0 }: RunningInstance): number {
  return reloads
}

/** The instance that is meant: by process, by file, by this folder, or the only one. */
function chosen({ pid, file }: ReloadRequest, all: readonly RunningInstance[]): RunningInstance {
  const withFile = all.filter(({ config }) => config !== undefined)
  const folder = process.cwd()
  const named = withFile.filter((one) => {
    if (pid !== undefined) return one.pid === pid
    return file === undefined || one.config === resolve(folder, file)
  })
  const here = named.filter(({ cwd }) => cwd === folder)
  const candidates = named.length > 1 && here.length > 0 ? here : named
  const [only, ...others] = candidates
  const list = (instances: readonly RunningInstance[]): string =>
    instances.map((one) => `--pid ${one.pid}   ${one.config ?? ''}`).join('\n')
  if (only && others.length === 0) return only
  if (only)
    throw failed('reload_no_instance', `${candidates.length} of them run: say which one`, [['try', list(candidates)]])
  const what = pid === undefined ? (file ?? 'a file') : `process ${pid}`
  throw failed('reload_no_instance', `no running mcplex up of ${what} was found`, [
    withFile.length > 0 ? ['try', list(withFile)] : ['try', 'mcplex up, to start one'],
    [
      'note',
      'found are those of this user on this machine, unless MCPLEX_ADMIN__RUNTIME_FILE is off or their file is a pipe',
    ],
  ])
}

async function resultOf(instance: RunningInstance, env: Environment['env']): Promise<ReloadResult> {
  const { pid } = instance
  try {
    process.kill(pid, 'SIGUSR2')
  } catch (error) {
    throw failed(
      'reload_no_instance',
      `process ${pid} cannot be asked: ${error instanceof Error ? error.message : ''}`,
      [],
    )
  }
  const endsAtMs = clock.now() + longestMs
  while (clock.now() < endsAtMs) {
    await pause(clock, lookEveryMs)
    const now = runningInstances(env).find((one) => one.pid === pid)
    if (!now) throw failed('reload_no_instance', `process ${pid} has ended meanwhile`, [])
    if (now.reload && now.reload.number > begun(instance)) return now.reload
  }
  throw failed(
    'reload_refused',
    `process ${pid} has not answered for ${longestMs / 60_000} minutes: its log says more`,
    [],
  )
}

function failed(
  code: FailureCode,
  message: string,
  notes: ReadonlyArray<readonly [label: string, text: string]>,
): CommandFailed {
  return new CommandFailed([{ code, message, notes }])
}
