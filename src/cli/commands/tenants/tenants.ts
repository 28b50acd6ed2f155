/** The verb `tenants`: lists the tenants of a running instance, shows one, or deletes what is kept of one. */
import type { ApiTenant } from '../../../admin/answers.ts'
import type { Environment } from '../../../config/environment.ts'
import { askDoor, chooseDoor } from '../../door.ts'
import type { Outputs } from '../../outputs.ts'
import { table } from '../../table.ts'
import type { TenantsRequest } from './command.ts'
import { purge } from './purge.ts'

/**
 * @returns the exit code
 * @throws CommandFailed if there is no such instance or tenant, or the instance does not answer
 */
export async function tenants(request: TenantsRequest, { env }: Environment, outputs: Outputs): Promise<number> {
  const { isJson, isQuiet, action } = request
  const { stdout, stderr } = outputs
  const door = chooseDoor(request.door, env)
  const { pid } = door
  if (action.kind === 'purge') return purge(door, action, isJson, outputs)
  if (action.kind === 'show') {
    const { tenant } = action
    const one = await askDoor(door, 'tenant', { segments: { tenant } })
    stdout.write(isJson ? `${JSON.stringify({ event: 'tenant', pid, ...one })}\n` : details(one))
    return 0
  }
  const answer = await askDoor(door, 'tenants', { query: { limit: 1000 } })
  if (isJson) {
    stdout.write(`${JSON.stringify({ event: 'tenants', pid, ...answer })}\n`)
    return 0
  }
  if (answer.total === 0 && !isQuiet) stderr.write('the file names no tenants: every caller may use everything\n')
  if (answer.tenants.length > 0) stdout.write(table(columns, answer.tenants.map(row)))
  if (answer.total > answer.tenants.length) stdout.write(`${answer.total - answer.tenants.length} more\n`)
  return 0
}

const limitColumns = ['LIMIT', 'OF', 'RATE', 'LEFT', 'ALLOWED', 'REFUSED', 'WOULD REFUSE']
const columns = ['TENANT', 'CLIENTS', 'CALLS', 'WORKERS', 'WAITING', 'WEIGHT', 'LIMITS', 'REFUSED', 'WOULD REFUSE']

function row(one: ApiTenant): string[] {
  const { tenant, clients, maxClients, calls, maxCalls, workers, maxWorkers, waiting, maxWaiting } = one
  const { limitsOf, weight, limits } = one
  const sum = (figure: 'refused' | 'wouldRefuse'): string =>
    String(limits.reduce((total, limit) => total + limit[figure], 0))
  return [
    tenant,
    // What several tenants may have together is shown where it counts.
    ...(limitsOf === undefined
      ? [`${clients}/${maxClients}`, `${calls}/${maxCalls}`, ofBound(workers, maxWorkers), ofBound(waiting, maxWaiting)]
      : [clients, calls, workers, waiting].map(String)),
    String(weight),
    String(limits.length),
    sum('refused'),
    sum('wouldRefuse'),
  ]
}

/** @param most 0: without a bound */
function ofBound(now: number, most: number): string {
  return most === 0 ? String(now) : `${now}/${most}`
}

function details(one: ApiTenant): string {
  const { tenant, named, clients, maxClients, calls, maxCalls, weight, allows, limits } = one
  const lines = [
    `tenant ${tenant}${named ? '' : ' (as default)'}: ${clients}/${maxClients} clients, ${calls}/${maxCalls} calls, ${ofBound(one.workers, one.maxWorkers)} workers, ${ofBound(one.waiting, one.maxWaiting)} waiting, weight ${weight}${one.limitsOf === undefined ? '' : `, limits of ${one.limitsOf}, together with others`}`,
    ...Object.entries(allows).flatMap(([kind, patterns]) =>
      patterns.length === 0 ? [] : [`  ${kind.padEnd(10)} ${patterns.join(' ')}`],
    ),
  ]
  const rows = limits.map(({ scope, of = '', limit, left, dryRun, allowed, refused, wouldRefuse }) => [
    dryRun ? `${scope} (dry run)` : scope,
    of,
    limit,
    left === undefined ? '' : String(left),
    String(allowed),
    String(refused),
    String(wouldRefuse),
  ])
  const shown = rows.length === 0 ? '' : table(limitColumns, rows)
  return `${lines.join('\n')}\n${shown}`
}
