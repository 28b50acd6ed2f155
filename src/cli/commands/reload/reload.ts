/** The verb `reload`: finds a running `mcplex up`, asks it to read its file again, and tells the result. */
import { stayAwake } from '../../../base/clock.ts'
import type { Environment } from '../../../config/environment.ts'
import { CommandFailed } from '../../failures.ts'
import type { Outputs } from '../../outputs.ts'
import { instanceToAsk, resultOf } from './ask.ts'
import type { ReloadRequest } from './command.ts'

/** Said if another reload has begun meanwhile: its file is in force. */
const replacedByNewer = 'replaced by a newer reload, whose result this is'

/**
 * @returns the exit code
 * @throws CommandFailed if there is no such instance, or the file was not applied
 */
export async function reload(
  request: ReloadRequest,
  { env }: Environment,
  { stdout, stderr }: Outputs,
): Promise<number> {
  const asked = await instanceToAsk(request.door, env)
  const { name, pid, file = '' } = asked
  const begun = await asked.begin()
  const awake = stayAwake()
  const { applied, lines, number, change, earlier } = await resultOf(asked, begun).finally(() => awake.stop())
  const isReplaced = number > begun
  if (!applied)
    throw new CommandFailed([
      {
        code: 'reload_refused',
        message: `${file} was not applied by ${name}: what was in force stays`,
        notes: [
          ...(isReplaced ? [['note', replacedByNewer] as const] : []),
          ['because', lines.join('\n')],
          ['try', 'mcplex check'],
          ...(pid === undefined ? [['note', 'the file is on the machine of that mcplex'] as const] : []),
        ],
      },
    ])
  const shown = isReplaced ? [replacedByNewer, ...lines] : lines
  const told = { ...change, ...(earlier && { earlier }), lines, replaced: isReplaced }
  if (request.isJson) stdout.write(`${JSON.stringify({ event: 'reloaded', pid, file, ...told })}\n`)
  else if (!request.isQuiet)
    stderr.write(`${file} was applied by ${name}\n${shown.map((line) => `  ${line}\n`).join('')}`)
  return 0
}
