/** Has a running instance accept definitions of tools that it holds back, by a file beside its runtime file. */
import { systemClock } from '../../../base/clock.ts'
import { terminalSafe } from '../../../base/terminal-safe.ts'
import { chooseInstance } from '../../choose-instance.ts'
import { CommandFailed, type Failure, type FailureCode } from '../../failures.ts'
import { askInstance } from '../../instance-requests.ts'
import type { Outputs } from '../../outputs.ts'
import { textsIn } from '../../reload-result.ts'
import { wrongUsage } from '../command.ts'
import type { UpstreamsRequest } from './command.ts'

/** @throws CommandFailed if there is no such instance, server or definition, or the instance does not answer */
export async function acceptHeld(
  { upstream, hash }: { readonly upstream: string; readonly hash: string | undefined },
  { door, isJson, isQuiet }: UpstreamsRequest,
  env: Readonly<Record<string, string | undefined>>,
  outputs: Outputs,
): Promise<number> {
  if (door.admin !== undefined)
    throw wrongUsage('accept takes no --admin: it works on the machine of the instance', [
      'try',
      'mcplex upstreams accept',
    ])
  const { folder, instance } = chooseInstance(door, env, false)
  const { pid } = instance
  const answer = await askInstance(folder, pid, { action: 'accept', upstream, hash }, systemClock)
  if (!answer)
    throw failed('instance_silent', `the mcplex with process id ${pid} did not answer`, [['try', 'mcplex upstreams']])
  const { fault, accepted, tools } = answer
  if (fault === 'no upstream')
    throw failed('upstream_unknown', `the mcplex with process id ${pid} has no upstream ${upstream}`, seeNames)
  if (fault === 'no definition')
    throw failed(
      'definition_unknown',
      `${upstream} holds back no definition whose hash begins with ${hash ?? ''}`,
      seeNames,
    )
  if (fault === 'ambiguous')
    throw failed(
      'definition_unknown',
      `${upstream} holds back several definitions whose hash begins with ${hash ?? ''}`,
      [['accepted', textsIn(answer['hashes']).join('\n')]],
    )
  const count = typeof accepted === 'number' ? accepted : 0
  const names = textsIn(tools)
  if (isJson)
    outputs.stdout.write(`${JSON.stringify({ event: 'accepted', upstream, pid, accepted: count, tools: names })}\n`)
  else if (!isQuiet)
    outputs.stderr.write(
      `${upstream}: ${count} ${count === 1 ? 'definition' : 'definitions'} accepted${named(names)}\n`,
    )
  return 0
}

const seeNames: Failure['notes'] = [['try', 'mcplex upstreams, to see what there is']]

function named(tools: readonly string[]): string {
  return tools.length === 0 ? '' : `: ${terminalSafe(tools.join(', '))}`
}

function failed(code: FailureCode, message: string, notes: Failure['notes']): CommandFailed {
  return new CommandFailed([{ code, message, notes }])
}
