/** The verb `upstreams`: lists the servers of a running instance, and has it accept definitions that it holds back. */
import { systemClock } from '../../../base/clock.ts'
import { isObject, type JsonObject, type JsonValue } from '../../../base/json.ts'
import { terminalSafe } from '../../../base/terminal-safe.ts'
import type { Environment } from '../../../config/environment.ts'
import { chooseInstance } from '../../choose-instance.ts'
import { CommandFailed, type Failure, type FailureCode } from '../../failures.ts'
import { askInstance } from '../../instance-requests.ts'
import { textsIn } from '../../reload-result.ts'
import type { Outputs } from '../../outputs.ts'
import type { UpstreamsRequest } from './command.ts'

/**
 * @returns the exit code
 * @throws CommandFailed if there is no such instance, server or definition, or the instance does not answer
 */
export async function upstreams(request: UpstreamsRequest, { env }: Environment, outputs: Outputs): Promise<number> {
  const { accept } = request
  const { folder, instance } = chooseInstance(request.instance, env, false)
  const { pid } = instance
  const asked = accept ? ({ action: 'accept', ...accept } as const) : ({ action: 'list' } as const)
  const answer = await askInstance(folder, pid, asked, systemClock)
  if (!answer)
    throw failed('instance_silent', `the mcplex with process id ${pid} did not answer`, [['try', 'mcplex upstreams']])
  if (!accept) return show(answer, request, pid, outputs)
  const { upstream, hash = '' } = accept
  const { fault, accepted, tools } = answer
  if (fault === 'no upstream')
    throw failed('upstream_unknown', `the mcplex with process id ${pid} has no upstream ${upstream}`, seeNames)
  if (fault === 'no definition')
    throw failed('definition_unknown', `${upstream} holds back no definition whose hash begins with ${hash}`, seeNames)
  if (fault === 'ambiguous')
    throw failed('definition_unknown', `${upstream} holds back several definitions whose hash begins with ${hash}`, [
      ['accepted', textsIn(answer['hashes']).join('\n')],
    ])
  const count = typeof accepted === 'number' ? accepted : 0
  const names = textsIn(tools)
  if (request.isJson)
    outputs.stdout.write(`${JSON.stringify({ event: 'accepted', upstream, pid, accepted: count, tools: names })}\n`)
  else if (!request.isQuiet)
    outputs.stderr.write(
      `${upstream}: ${count} ${count === 1 ? 'definition' : 'definitions'} accepted${named(names)}\n`,
    )
  return 0
}

const seeNames: Failure['notes'] = [['try', 'mcplex upstreams, to see what there is']]

function named(tools: readonly string[]): string {
  return tools.length === 0 ? '' : `: ${terminalSafe(tools.join(', '))}`
}

/** Prints the servers: a table, or one object for programs. */
function show(answer: JsonObject, { isJson }: UpstreamsRequest, pid: number, { stdout }: Outputs): number {
  const { upstreams: found, omitted } = answer
  if (isJson) {
    stdout.write(`${JSON.stringify({ event: 'upstreams', pid, upstreams: found ?? [], omitted })}\n`)
    return 0
  }
  const rows = objectsIn(found).map((one) => {
    const tools = Number(one['tools'])
    const cells = [text(one['name']), text(one['kind']), standings.get(text(one['standing'])) ?? '']
    return { one, cells: [...cells, `${tools} ${tools === 1 ? 'tool' : 'tools'}`] }
  })
  const widths = [0, 1, 2].map((at) => Math.max(0, ...rows.map(({ cells }) => cells[at]?.length ?? 0)))
  for (const { one, cells } of rows) {
    const line = cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')
    stdout.write(
      terminalSafe(
        `${line.trimEnd()}\n${detailsOf(one)
          .map((detail) => `    ${detail}\n`)
          .join('')}`,
      ),
    )
  }
  if (typeof omitted === 'number' && omitted > 0) stdout.write(`and ${omitted} more\n`)
  return 0
}

const standings: ReadonlyMap<string, string> = new Map([
  ['started', 'ready'],
  ['starting', 'starting'],
  ['failed', 'could not be started'],
])

/** What else there is to say of a server: why it does not serve, and what is held back. */
function detailsOf({ name, reason, held, more }: JsonObject): string[] {
  const definitions = objectsIn(held).flatMap(({ tool, hash, change, differs }) => [
    `held back: ${text(tool)} is ${text(change)}, ${text(hash)}`,
    ...textsIn(differs).map((line) => `    ${line}`),
  ])
  const count = typeof more === 'number' ? more : 0
  return [
    ...(typeof reason === 'string' ? [`because: ${reason}`] : []),
    ...definitions,
    ...(count > 0 ? [`held back: ${count} more`] : []),
    ...(definitions.length + count > 0 ? [`to accept: mcplex upstreams accept ${text(name)} [hash]`] : []),
  ]
}

function objectsIn(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function failed(code: FailureCode, message: string, notes: Failure['notes']): CommandFailed {
  return new CommandFailed([{ code, message, notes }])
}
