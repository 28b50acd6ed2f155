/** Prints the servers and the workers of an instance: tables, or one object for programs. */
import type { ApiUpstream, ApiWorker } from '../../../admin/answers.ts'
import { terminalSafeLine } from '../../../base/terminal-safe.ts'
import { askDoor, type Door } from '../../door.ts'
import type { Outputs } from '../../outputs.ts'
import { allWorkers } from './all-workers.ts'
import { breakerLine } from '../breaker/breaker-line.ts'
import { shortAge, shortSize, table, timeLeft } from '../../table.ts'

const columns = ['NAME', 'KIND', 'STATE', 'TOOLS', 'WORKERS', 'CALLS', 'WAITING', 'OLDEST', 'SINCE']

/** @throws CommandFailed if the instance does not answer */
export async function listUpstreams(door: Door, isJson: boolean, outputs: Outputs): Promise<number> {
  const { upstreams } = await askDoor(door, 'upstreams')
  return printUpstreams(upstreams, door.pid, isJson, outputs)
}

export function printUpstreams(
  upstreams: readonly ApiUpstream[],
  pid: number | undefined,
  isJson: boolean,
  { stdout }: Outputs,
): number {
  if (isJson) stdout.write(`${JSON.stringify({ event: 'upstreams', pid, upstreams })}\n`)
  else stdout.write(`${table(columns, upstreams.map(row))}${upstreams.flatMap(detailsOf).join('')}`)
  return 0
}

function row({ name, kind, state, tools, workers, calls, waiting, oldestWaitMs, since }: ApiUpstream): string[] {
  const states = Object.entries(workers).map(([one, count]) => `${count} ${one}`)
  return [
    name,
    kind,
    state,
    String(tools),
    states.join(', '),
    String(calls),
    String(waiting),
    waiting === 0 ? '' : shortAge(oldestWaitMs),
    since,
  ]
}

const maxLine = 1000

/** What else there is to say of a server: why it does not serve, and what is held back. */
function detailsOf({
  name,
  state,
  why,
  resumesInMs,
  breaker,
  concurrency,
  ended,
  sharedResources,
  held,
  more,
}: ApiUpstream): string[] {
  const definitions = held.flatMap(({ tool, hash, change, differs }) => [
    `${name} holds back: ${tool} is ${change}, ${hash}`,
    ...differs.map((line) => `    ${line}`),
  ])
  const lines = [
    ...(why === undefined ? [] : [`${name}: ${why}`]),
    ...(resumesInMs === undefined ? [] : [pauseLine(name, state, resumesInMs)]),
    ...(breaker.state === 'closed' && !breaker.forced ? [] : [breakerLine(name, breaker)]),
    ...(concurrency?.adaptive === true
      ? [`${name} has ${concurrency.limit} calls at once at most: the limit adapts to what it bears`]
      : []),
    ...endsLine(name, ended),
    ...sharedResources.filter(({ waiting }) => waiting > 0).map((one) => resourceLine(name, one)),
    ...definitions,
    ...(more > 0 ? [`${name} holds back ${more} more`] : []),
    ...(definitions.length > 0 ? [`to accept: mcplex upstreams accept ${name} [hash]`] : []),
  ]
  return lines.map((line) => `${/^ */.exec(line)?.[0] ?? ''}${terminalSafeLine(line, maxLine)}\n`)
}

function resourceLine(server: string, one: ApiUpstream['sharedResources'][number]): string {
  const { kind, name, inUse, waiting, oldestWaitMs, size } = one
  const used = size === undefined ? `${inUse} in use` : `${inUse} of ${size} in use`
  return `${server} shares ${kind}(${JSON.stringify(name)}): ${used}, ${waiting} wait, the first for ${shortAge(oldestWaitMs)}`
}

/** Ends that mcplex has not brought about by itself: these are worth a line. */
const faults = ['crash', 'start_failed', 'memory_limit', 'unresponsive', 'answers_unread', 'fault'] as const

function endsLine(name: string, ended: ApiUpstream['ended']): string[] {
  const shown = faults.flatMap((reason) => ((ended[reason] ?? 0) > 0 ? [`${ended[reason]} ${reason}`] : []))
  return shown.length === 0 ? [] : [`${name} has lost workers: ${shown.join(', ')}`]
}

function pauseLine(name: string, state: ApiUpstream['state'], resumesInMs: number): string {
  const left = timeLeft(resumesInMs)
  return state === 'disabled'
    ? `${name} is also paused, for another ${left}; it stays disabled until \`mcplex upstreams enable ${name}\``
    : `${name} resumes by itself in ${left}`
}

const workerColumns = ['SERVER', 'WORKER', 'STATE', 'PURPOSE', 'PID', 'MEMORY', 'AGE', 'CALLS', 'TOTAL', 'SESSION']

/**
 * @param upstream those of one server; undefined for all
 * @throws CommandFailed if there is no such server, or the instance does not answer
 */
export async function listWorkers(
  door: Door,
  upstream: string | undefined,
  isJson: boolean,
  { stdout }: Outputs,
): Promise<number> {
  const workers = await allWorkers(door, upstream)
  if (isJson) stdout.write(`${JSON.stringify({ event: 'workers', pid: door.pid, total: workers.length, workers })}\n`)
  else stdout.write(table(workerColumns, workers.map(workerRow)))
  return 0
}

function workerRow({
  upstream,
  worker,
  state,
  purpose,
  replaced,
  pid,
  memoryBytes,
  ageMs,
  calls,
  callsTotal,
  session,
}: ApiWorker): string[] {
  return [
    upstream,
    String(worker ?? ''),
    replaced && state !== 'retiring' ? `${state}, replaced` : state,
    purpose,
    String(pid ?? ''),
    memoryBytes === undefined ? '' : shortSize(memoryBytes),
    shortAge(ageMs),
    String(calls),
    String(callsTotal),
    session ?? '',
  ]
}
