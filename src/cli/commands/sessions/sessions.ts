/** The verb `sessions`: lists live or ended sessions of a running instance, shows one, or closes it. */
import type { ApiAnswers, ApiClosedSession, ApiSession } from '../../../admin/answers.ts'
import type { Environment } from '../../../config/environment.ts'
import { askDoor, chooseDoor } from '../../door.ts'
import type { Outputs } from '../../outputs.ts'
import { shortAge, shortSize, table } from '../../table.ts'
import type { SessionsRequest } from './command.ts'

/**
 * @returns the exit code
 * @throws CommandFailed if there is no such instance or session, or the instance does not answer
 */
export async function sessions(request: SessionsRequest, { env }: Environment, outputs: Outputs): Promise<number> {
  const { action, isJson, isQuiet } = request
  const { stdout, stderr } = outputs
  const door = chooseDoor(request.door, env)
  const { pid } = door
  const print = (event: string, answer: object, text: string): number => {
    if (isJson) stdout.write(`${JSON.stringify({ event, pid, ...answer })}\n`)
    else if (text !== '') stdout.write(text)
    else if (!isQuiet) stderr.write('no session\n')
    return 0
  }
  if (action.kind === 'close') {
    const { label } = await askDoor(door, 'closeSession', { segments: { session: action.label } })
    if (isJson) return print('closed', { label }, label)
    if (!isQuiet) stderr.write(`session ${label} is closed\n`)
    return 0
  }
  if (action.kind === 'show') {
    const one = await askDoor(door, 'session', { segments: { session: action.label } })
    return print('session', one, details(one))
  }
  const { limit, offset, client } = action
  if (action.kind === 'closed') {
    const { reason } = action
    const answer = await askDoor(door, 'closedSessions', { query: { limit, offset, client, reason } })
    return print('closed_sessions', answer, listed(closedColumns, answer.sessions.map(closedRow), answer.total, offset))
  }
  const answer = await askDoor(door, 'sessions', { query: { limit, offset, client } })
  return print('sessions', answer, listed(columns, answer.sessions.map(row), answer.total, offset))
}

/** Nothing without rows. @param offset how many were left out at the beginning */
function listed(
  names: readonly string[],
  rows: ReadonlyArray<readonly string[]>,
  total: number,
  offset: number,
): string {
  if (rows.length === 0) return ''
  const next = offset + rows.length
  const more = total > next ? `${total - next} more: --offset ${next}\n` : ''
  return `${table(names, rows)}${more}`
}

const columns = ['SESSION', 'CLIENT', 'REVISION', 'ENDPOINT', 'AGE', 'IDLE', 'CALLS', 'TOTAL', 'STREAMS', 'KEPT']

function row({ label, client = '', version, endpoint, ...figures }: ApiSession): string[] {
  const { ageMs, idleMs, calls, callsTotal, streams, keptBytes } = figures
  return [
    label,
    client,
    version,
    endpoint === '' ? '/mcp' : `/mcp/${endpoint}`,
    shortAge(ageMs),
    shortAge(idleMs),
    String(calls),
    String(callsTotal),
    String(streams),
    shortSize(keptBytes),
  ]
}

const closedColumns = ['SESSION', 'CLIENT', 'ENDED', 'REASON', 'AGE', 'CALLS', 'LAST ERROR']

function closedRow({ label, client = '', endedAt, reason, ageMs, calls, lastError }: ApiClosedSession): string[] {
  const error = lastError ? `${lastError.tool ?? lastError.method}: ${lastError.status}` : ''
  return [label, client, endedAt, reason, shortAge(ageMs), String(calls), error]
}

const callColumns = ['BEGAN', 'METHOD', 'TOOL', 'TOOK', 'OUTCOME']

function details({ history, ...one }: ApiAnswers['session']): string {
  const calls = history.map(({ at, method, tool = '', durationMs, outcome }) => [
    at,
    method,
    tool,
    `${durationMs} ms`,
    outcome,
  ])
  return `${table(columns, [row(one)])}\n${calls.length === 0 ? 'no call has ended yet\n' : table(callColumns, calls)}`
}
