/** The verb `reload`: finds a running `mcplex up` by its runtime file, asks it to read its file again, and tells the result. */
import { pause, stayAwake, systemClock as clock } from '../../../base/clock.ts'
import type { Environment } from '../../../config/environment.ts'
import { chooseInstance } from '../../choose-instance.ts'
import { CommandFailed, type FailureCode } from '../../failures.ts'
import type { Outputs } from '../../outputs.ts'
import type { ReloadResult } from '../../reload-result.ts'
import { type RunningInstance, runningInstances } from '../../running-instances.ts'
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
  const { instance } = chooseInstance(request.instance, env, true)
  const awake = stayAwake()
  const { applied, lines, number, change, earlier } = await resultOf(instance, env).finally(() => awake.stop())
  const { pid, config } = instance
  const isReplaced = number > begun(instance) + 1
  if (!applied)
    throw failed('reload_refused', `${config ?? ''} was not applied by process ${pid}: what was in force stays`, [
      ...(isReplaced ? [['note', replacedByNewer] as const] : []),
      ['because', lines.join('\n')],
      ['try', 'mcplex check'],
    ])
  const shown = isReplaced ? [replacedByNewer, ...lines] : lines
  const told = { ...change, ...(earlier && { earlier }), lines, replaced: isReplaced }
  if (request.isJson) stdout.write(`${JSON.stringify({ event: 'reloaded', pid, file: config, ...told })}\n`)
  else if (!request.isQuiet)
    stderr.write(`${config ?? ''} was applied by process ${pid}\n${shown.map((line) => `  ${line}\n`).join('')}`)
  return 0
}

/** Said if another reload has begun meanwhile: its file is in force. */
const replacedByNewer = 'replaced by a newer reload, whose result this is'

/** How many reloads the instance had begun when it was looked at. */
function begun({ reloads = 0 }: RunningInstance): number {
  return reloads
}

async function resultOf(instance: RunningInstance, env: Environment['env']): Promise<ReloadResult> {
  const { pid } = instance
  try {
    process.kill(pid, 'SIGUSR2')
  } catch (error) {
    throw failed(
      'instance_missing',
      `process ${pid} cannot be asked: ${error instanceof Error ? error.message : ''}`,
      [],
    )
  }
  const endsAtMs = clock.now() + longestMs
  while (clock.now() < endsAtMs) {
    await pause(clock, lookEveryMs)
    const now = runningInstances(env).find((one) => one.pid === pid)
    if (!now) throw failed('instance_missing', `process ${pid} has ended meanwhile`, [])
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
