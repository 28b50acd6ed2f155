/**
 * Has a running instance accept definitions of tools that it holds back: at its door for operators, or by a file beside its
 * runtime file where the door is closed.
 */
import { systemClock } from '../../../base/clock.ts'
import { terminalSafe } from '../../../base/terminal-safe.ts'
import { chooseInstance } from '../../choose-instance.ts'
import { askDoor, chooseDoor, doorOf } from '../../door.ts'
import { CommandFailed, type Failure, type FailureCode } from '../../failures.ts'
import { askInstance } from '../../instance-requests.ts'
import type { Outputs } from '../../outputs.ts'
import { textsIn } from '../../../admin/reload-result.ts'
import type { UpstreamsRequest } from './command.ts'

type Env = Readonly<Record<string, string | undefined>>

interface Wish {
  readonly upstream: string
  readonly hash: string | undefined
}

interface Accepted {
  readonly pid: number | undefined
  readonly accepted: number
  readonly tools: readonly string[]
}

/** @throws CommandFailed if there is no such instance, server or definition, or the instance does not answer */
export async function acceptHeld(
  wish: Wish,
  { door, isJson, isQuiet }: UpstreamsRequest,
  env: Env,
  outputs: Outputs,
): Promise<number> {
  const { upstream } = wish
  const { pid, accepted, tools } = await accept(wish, door, env)
  if (isJson) outputs.stdout.write(`${JSON.stringify({ event: 'accepted', upstream, pid, accepted, tools })}\n`)
  else if (!isQuiet) {
    const count = `${accepted} ${accepted === 1 ? 'definition' : 'definitions'}`
    outputs.stderr.write(`${upstream}: ${count} accepted${named(tools)}\n`)
  }
  return 0
}

async function accept(wish: Wish, door: UpstreamsRequest['door'], env: Env): Promise<Accepted> {
  if (door.admin === undefined) {
    const { folder, instance } = chooseInstance(door, env, false)
    if (!doorOf(instance, env)) return acceptByFile(wish, folder, instance.pid)
  }
  const { upstream, hash } = wish
  const found = chooseDoor(door, env)
  const answer = await askDoor(found, 'acceptDefinitions', {
    segments: { upstream },
    body: hash === undefined ? {} : { hash },
  })
  return { pid: found.pid, accepted: answer.accepted, tools: answer.tools }
}

async function acceptByFile({ upstream, hash }: Wish, folder: string, pid: number): Promise<Accepted> {
  const answer = await askInstance(folder, pid, { action: 'accept', upstream, hash }, systemClock)
  if (!answer)
    throw failed('instance_silent', `the mcplex with process id ${pid} did not answer`, [['try', 'mcplex upstreams']])
  const { fault, accepted, tools } = answer
  if (fault === 'no upstream') throw failed('upstream_unknown', `There is no upstream ${upstream}.`, seeNames)
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
  return { pid, accepted: typeof accepted === 'number' ? accepted : 0, tools: textsIn(tools) }
}

const seeNames: Failure['notes'] = [['try', 'mcplex upstreams, to see what there is']]

function named(tools: readonly string[]): string {
  return tools.length === 0 ? '' : `: ${terminalSafe(tools.join(', '))}`
}

function failed(code: FailureCode, message: string, notes: Failure['notes']): CommandFailed {
  return new CommandFailed([{ code, message, notes }])
}
