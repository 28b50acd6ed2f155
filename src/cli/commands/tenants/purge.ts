/** `tenants purge`: deletes what an instance keeps of a tenant, once somebody has said that it is meant. */
import type { ApiAnswers } from '../../../admin/answers.ts'
import { terminalSafeLine } from '../../../base/terminal-safe.ts'
import { askPerson } from '../../ask-person.ts'
import { askDoor, type Door } from '../../door.ts'
import { CommandFailed } from '../../failures.ts'
import type { Outputs } from '../../outputs.ts'
import { wrongUsage } from '../command.ts'

/**
 * @returns the exit code
 * @throws CommandFailed if it is not confirmed, or there is no such tenant
 */
export async function purge(
  door: Door,
  { tenant, isSure }: { readonly tenant: string; readonly isSure: boolean },
  isJson: boolean,
  { stdout, stderr }: Outputs,
): Promise<number> {
  if (!isSure) await confirm(door, tenant, stderr)
  const answer = await askDoor(door, 'purgeTenant', { segments: { tenant } })
  stdout.write(isJson ? `${JSON.stringify({ event: 'purged', pid: door.pid, ...answer })}\n` : told(answer))
  return 0
}

async function confirm({ name }: Door, tenant: string, stderr: Outputs['stderr']): Promise<void> {
  if (!process.stdin.isTTY)
    throw wrongUsage('purge deletes data, and there is no terminal to ask at', [
      'try',
      `mcplex tenants purge ${tenant} --yes`,
    ])
  const shown = terminalSafeLine(tenant, 128)
  stderr.write(`This ends the sessions and calls of tenant ${shown} at ${name}, and deletes what is kept of it.\n`)
  if ((await askPerson('Type its name to go on: ', stderr)) === tenant) return
  throw new CommandFailed([{ code: 'not_confirmed', message: `nothing was deleted of tenant ${shown}`, notes: [] }])
}

function told({ tenant, sharedServers, ...counts }: ApiAnswers['purgeTenant']): string {
  const { sessions, calls, workers, limits, tokens, closedSessions, errors } = counts
  const what = [
    of(sessions, 'session'),
    of(calls, 'call'),
    of(workers, 'worker'),
    of(limits, 'limit in use', 'limits in use'),
    of(tokens, 'known token'),
    of(closedSessions, 'ended session'),
    of(errors, 'error'),
  ]
  const shared =
    sharedServers.length === 0
      ? ''
      : `Not told apart: what the shared processes of ${sharedServers.join(', ')} remember; mcplex upstreams recycle ends them.\n`
  return `Deleted of tenant ${terminalSafeLine(tenant, 128)}: ${what.join(', ')}.\n${shared}`
}

function of(count: number, one: string, several = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`
}
