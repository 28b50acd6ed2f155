/** The verb `upstreams`: has a running instance accept the definitions of tools that it holds back. */
import { systemClock } from '../../../base/clock.ts'
import { terminalSafe } from '../../../base/terminal-safe.ts'
import type { Environment } from '../../../config/environment.ts'
import { requestAccept } from '../../accept-file.ts'
import { CommandFailed, type FailureCode } from '../../failures.ts'
import type { Outputs } from '../../outputs.ts'
import { readFolder } from '../../running-instances.ts'
import { runtimeFolders } from '../../runtime-folder.ts'
import type { UpstreamsRequest } from './command.ts'

/**
 * @returns the exit code
 * @throws CommandFailed if there is no such instance, or none of several is named, or it does not answer
 */
export async function upstreams(request: UpstreamsRequest, machine: Environment, outputs: Outputs): Promise<number> {
  const { upstream } = request
  const { folder, pid } = instanceFor(request, machine)
  const answer = await requestAccept(folder, pid, upstream, systemClock)
  if (answer === 'no upstream')
    throw failed('upstream_unknown', `the mcplex with process id ${pid} has no upstream ${upstream}`)
  if (answer === 'no answer') throw failed('instance_silent', `the mcplex with process id ${pid} did not answer`)
  const { accepted, tools } = answer
  if (request.isJson) outputs.stdout.write(`${JSON.stringify({ event: 'accepted', upstream, pid, accepted, tools })}\n`)
  else if (!request.isQuiet)
    outputs.stderr.write(
      `${upstream}: ${accepted} ${accepted === 1 ? 'definition' : 'definitions'} accepted${named(tools)}\n`,
    )
  return 0
}

function named(tools: readonly string[]): string {
  return tools.length === 0 ? '' : `: ${terminalSafe(tools.join(', '))}`
}

function instanceFor(
  { pid: given }: UpstreamsRequest,
  { env }: Environment,
): { readonly folder: string; readonly pid: number } {
  const running = runtimeFolders(env).flatMap((folder) =>
    readFolder(folder).flatMap(({ state, record: { pid } }) => (state === 'running' ? [{ folder, pid }] : [])),
  )
  const meant = given === undefined ? running : running.filter(({ pid }) => String(pid) === given)
  const [one] = meant
  if (!one)
    throw failed(
      'instance_missing',
      given === undefined ? 'no mcplex of this user runs' : `no mcplex runs as process ${given}`,
    )
  if (meant.length > 1)
    throw failed(
      'instance_ambiguous',
      `several mcplex run: name one by --pid (${meant.map(({ pid }) => pid).join(', ')})`,
    )
  return one
}

function failed(code: FailureCode, message: string): CommandFailed {
  return new CommandFailed([{ code, message, notes: [] }])
}
