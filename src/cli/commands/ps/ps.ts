/** The verb `ps`: lists the running instances of this user, with what each says of itself at its door. */
import type { ApiInstance } from '../../../admin/answers.ts'
import { wallMs } from '../../../base/clock.ts'
import type { Environment } from '../../../config/environment.ts'
import { askDoor, doorOf } from '../../door.ts'
import { CommandFailed } from '../../failures.ts'
import type { Outputs } from '../../outputs.ts'
import { type RunningInstance, runningInstances } from '../../running-instances.ts'
import { shortAge, shortSize, table } from '../../table.ts'
import type { PsRequest } from './command.ts'

interface Found {
  readonly instance: RunningInstance
  /** What it says of itself; undefined if it has no door, or does not answer there. */
  readonly state: ApiInstance | undefined
  readonly hasDoor: boolean
}

const columns = ['PID', 'SERVER', 'STATUS', 'UPTIME', 'SESSIONS', 'CALLS', 'WORKERS', 'KEPT', 'ENDPOINT']

/** @returns the exit code */
export async function ps({ isJson, isQuiet }: PsRequest, { env }: Environment, outputs: Outputs): Promise<number> {
  const { stdout, stderr } = outputs
  const found = await Promise.all(runningInstances(env).map((instance) => lookAt(instance, env)))
  if (isJson) {
    stdout.write(`${JSON.stringify({ event: 'instances', instances: found.map(plain) })}\n`)
    return 0
  }
  if (found.length === 0 && !isQuiet) stderr.write('no mcplex of this user runs\n')
  if (found.length > 0) stdout.write(table(columns, found.map(rowOf)))
  return 0
}

async function lookAt(instance: RunningInstance, env: Environment['env']): Promise<Found> {
  const { pid } = instance
  const place = doorOf(instance, env)
  if (!place) return { instance, state: undefined, hasDoor: false }
  try {
    const state = await askDoor({ place, name: String(pid), pid }, 'instance')
    return { instance, state, hasDoor: true }
  } catch (error) {
    if (error instanceof CommandFailed) return { instance, state: undefined, hasDoor: true }
    throw error
  }
}

/** Without the token: what is printed ends up in logs. */
function plain({ instance, state, hasDoor }: Found): object {
  const { pid, server, transport, version, cwd, startedAt, endpoint, config, admin } = instance
  return {
    pid,
    server: server.name,
    transport,
    version,
    cwd,
    startedAt,
    endpoint,
    config,
    ...(admin && { admin: { socket: admin.socket, url: admin.url } }),
    answers: hasDoor ? state !== undefined : undefined,
    uptimeMs: ageOf(startedAt),
    ...(state && { status: state.status, uptimeMs: state.uptimeMs, memory: state.memory, counts: state.counts }),
  }
}

/** In milliseconds; undefined if the runtime file does not say it. */
function ageOf(startedAt: string): number | undefined {
  const age = wallMs() - Date.parse(startedAt)
  return Number.isNaN(age) ? undefined : Math.max(0, Math.round(age))
}

function rowOf({ instance, state, hasDoor }: Found): string[] {
  const { pid, server, endpoint, socket, transport, startedAt } = instance
  // Where there is no door, the runtime file says since when it runs.
  const { status = hasDoor ? 'does not answer' : 'runs', memory, counts = {} } = state ?? {}
  const uptimeMs = state?.uptimeMs ?? ageOf(startedAt)
  const overloadStep = counts['overloadStep'] ?? 0
  const figure = (name: string): string => String(counts[name] ?? '')
  return [
    String(pid),
    server.name,
    overloadStep > 0 ? `${status}, overload step ${overloadStep}` : status,
    uptimeMs === undefined ? '' : shortAge(uptimeMs),
    figure('sessions'),
    figure('calls'),
    figure('workers'),
    memory ? shortSize(memory.heldBytes) : '',
    socket ?? endpoint ?? transport,
  ]
}
