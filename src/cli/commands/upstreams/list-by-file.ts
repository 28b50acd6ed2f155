/** Asks an instance that has no door for its servers, by a file beside its runtime file. */
import type { ApiUpstream } from '../../../admin/answers.ts'
import { systemClock } from '../../../base/clock.ts'
import { isObject, type JsonObject, type JsonValue } from '../../../base/json.ts'
import { CommandFailed } from '../../failures.ts'
import { askInstance } from '../../instance-requests.ts'
import { textsIn } from '../../../admin/reload-result.ts'

/** @throws CommandFailed if the instance does not answer */
export async function upstreamsByFile(folder: string, pid: number): Promise<ApiUpstream[]> {
  const answer = await askInstance(folder, pid, { action: 'list' }, systemClock)
  if (answer) return objectsIn(answer['upstreams']).map(upstreamIn)
  const message = `the mcplex with process id ${pid} did not answer`
  throw new CommandFailed([{ code: 'instance_silent', message, notes: [['try', 'mcplex upstreams']] }])
}

function upstreamIn(one: JsonObject): ApiUpstream {
  const { name, kind, standing, ok, reason, sinceMs, tools, held, more } = one
  const started = ok === false ? 'unhealthy' : 'ready'
  return {
    name: text(name),
    kind: text(kind),
    state: standing === 'starting' || standing === 'failed' ? standing : started,
    why: typeof reason === 'string' ? reason : undefined,
    since: new Date(count(sinceMs)).toISOString(),
    breaker: { state: 'closed', forced: false },
    tools: count(tools),
    workers: {},
    ended: {},
    sharedResources: [],
    calls: 0,
    waiting: 0,
    oldestWaitMs: 0,
    counts: {},
    held: objectsIn(held).map(({ tool, hash, change, differs }) => {
      return { tool: text(tool), hash: text(hash), change: text(change), differs: textsIn(differs) }
    }),
    more: count(more),
  }
}

function objectsIn(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : []
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function count(value: JsonValue | undefined): number {
  return typeof value === 'number' ? value : 0
}
