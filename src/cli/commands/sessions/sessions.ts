/** The verb `sessions`: lists live or ended sessions of a running instance, shows one, or closes it. */
import type { ApiAnswers, ApiClosedSession, ApiSession } from '../../../admin/answers.ts'
import { terminalSafeLine } from '../../../base/terminal-safe.ts'
import type { Environment } from '../../../config/environment.ts'
import { askDoor, chooseDoor } from '../../door.ts'
import type { Outputs } from '../../outputs.ts'
import { shortAge, shortSize, table, tableOfTenants } from '../../table.ts'
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
  const { limit, offset, client, tenant } = action
  if (action.kind === 'closed') {
    const { reason } = action
    const answer = await askDoor(door, 'closedSessions', { query: { limit, offset, client, tenant, reason } })
    return print('closed_sessions', answer, listed(closedColumns, answer.sessions, closedRow, answer.total, action))
  }
  const answer = await askDoor(door, 'sessions', { query: { limit, offset, client, tenant } })
  return print('sessions', answer, listed(columns, answer.sessions, row, answer.total, action))
}

/** Nothing without sessions. @param page how many were left out at the beginning, and whose are asked for */
function listed<Session extends { readonly tenant: string }>(
  names: readonly string[],
  shown: readonly Session[],
  cells: (session: Session) => readonly string[],
  total: number,
  { offset, tenant }: { readonly offset: number; readonly tenant: string | undefined },
): string {
  if (shown.length === 0) return ''
  const next = offset + shown.length
  const more = total > next ? `${total - next} more: --offset ${next}\n` : ''
  return `${tableOfTenants(names, shown.map(cells), shown, tenant)}${more}`
}

const columns = [
  'SESSION',
  'TENANT',
  'CLIENT',
  'REVISION',
  'ENDPOINT',
  'AGE',
  'IDLE',
  'CALLS',
  'TOTAL',
  'STREAMS',
  'KEPT',
]

function row({ label, tenant, client = '', version, endpoint, ...figures }: ApiSession): string[] {
  const { ageMs, idleMs, calls, callsTotal, streams, keptBytes } = figures
  return [
    label,
    tenant,
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

const closedColumns = ['SESSION', 'TENANT', 'CLIENT', 'ENDED', 'REASON', 'AGE', 'CALLS', 'LAST ERROR']

function closedRow({
  label,
  tenant,
  client = '',
  endedAt,
  reason,
  ageMs,
  calls,
  lastError,
}: ApiClosedSession): string[] {
  const error = lastError ? `${lastError.tool ?? lastError.method}: ${lastError.status}` : ''
  return [label, tenant, client, endedAt, reason, shortAge(ageMs), String(calls), error]
}

const runningColumns = ['AGE', 'METHOD', 'TOOL', 'SERVER', 'STATE', 'REQUEST ID']
const callColumns = ['BEGAN', 'METHOD', 'TOOL', 'TOOK', 'OUTCOME']

function details(one: ApiAnswers['session']): string {
  const { history, running, tenant, subject, issuer, client, clientVersion, tools } = one
  const facts = [
    ['tenant', tenant],
    ['subject', issuer === undefined ? subject : `${subject}, vouched for by ${issuer}`],
    ['client', [client, clientVersion].filter((part) => part !== undefined).join(' ')],
    ['tools', toolsInWords(tools)],
  ].map(([name = '', value = '']) => `${name.padEnd(8)} ${terminalSafeLine(value, maxLine)}\n`)
  const now = running.map(({ ageMs, method, tool = '', upstream = '', waiting, requestId }) => {
    return [shortAge(ageMs), method, tool, upstream, waiting ? 'waiting' : 'running', requestId]
  })
  const calls = history.map(({ at, method, tool = '', durationMs, outcome }) => [
    at,
    method,
    tool,
    `${durationMs} ms`,
    outcome,
  ])
  const parts = [
    tableOfTenants(columns, [row(one)], [one]),
    facts.join(''),
    ...(now.length === 0 ? [] : [table(runningColumns, now)]),
    calls.length === 0 ? 'no call has ended yet\n' : table(callColumns, calls),
  ]
  return parts.join('\n')
}

const maxLine = 1000

function toolsInWords(tools: ApiAnswers['session']['tools']): string {
  if (!tools) return 'not listed yet'
  const { names, count, hash } = tools
  const more = count > names.length ? `, and ${count - names.length} more` : ''
  return `${count} (${hash})${count === 0 ? '' : `: ${names.join(' ')}${more}`}`
}
