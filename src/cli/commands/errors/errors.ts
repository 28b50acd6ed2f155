/** The verb `errors`: what went wrong in a running instance within the last hour. */
import type { Environment } from '../../../config/environment.ts'
import { askDoor, chooseDoor } from '../../door.ts'
import type { Outputs } from '../../outputs.ts'
import { tableOfTenants } from '../../table.ts'
import type { ErrorsRequest } from './command.ts'

const columns = ['COUNT', 'REASON', 'TENANT', 'CLIENT', 'TOOL', 'SERVER', 'LAST']

/**
 * @returns the exit code
 * @throws CommandFailed if there is no such instance, or it does not answer
 */
export async function errors(request: ErrorsRequest, { env }: Environment, outputs: Outputs): Promise<number> {
  const { isJson, isQuiet, limit, tenant } = request
  const { stdout, stderr } = outputs
  const door = chooseDoor(request.door, env)
  const answer = await askDoor(door, 'errors', { query: { limit, tenant } })
  if (isJson) {
    stdout.write(`${JSON.stringify({ event: 'errors', pid: door.pid, ...answer })}\n`)
    return 0
  }
  if (answer.total === 0 && !isQuiet) stderr.write('nothing went wrong within the last hour\n')
  const rows = answer.errors.map(({ count, reason, client = '', tool = '', upstream = '', lastAt, ...one }) => {
    return [String(count), reason, one.tenant ?? '', client, tool, upstream, lastAt]
  })
  if (rows.length > 0) stdout.write(tableOfTenants(columns, rows, answer.errors, tenant))
  return 0
}
