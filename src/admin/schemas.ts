/**
 * The answers of the JSON API as schemas, for the printed document and for tests; the compiler compares them with the types.
 * Nothing of it is loaded while mcplex serves.
 */
import { z } from 'zod'
import { workerEnds } from '../base/events.ts'
import type { ApiAnswers } from './answers.ts'
import type { OperationId } from './api.ts'
import { reloads, startReload } from './reload-schemas.ts'
import { heldDefinition, sharedResource } from './upstream-schemas.ts'

const count = z.int().nonnegative()
const ms = z.int().nonnegative().describe('Milliseconds.')
const time = z.iso.datetime().describe('A time of ISO 8601.')
const label = z.string().describe('The first eight characters of the hash of the id of a session, as in the log.')
const counts = z.record(z.string(), z.number())

const lastError = z.object({
  method: z.string(),
  tool: z.string().optional(),
  status: z.string().describe('`tool_error`, `error`, `cancelled`, or the word of a refusal.'),
  at: time,
})

const session = z.object({
  label,
  tenant: z.string(),
  endpoint: z.string().describe('Empty for the endpoint of all upstreams.'),
  client: z.string().optional(),
  era: z.string(),
  version: z.string().describe('The revision that the client speaks.'),
  ready: z.boolean().describe('Whether the handshake is complete.'),
  ageMs: ms,
  idleMs: ms.describe('How long ago the client last sent a message of its own, in milliseconds.'),
  calls: count.describe('Calls in flight.'),
  callsTotal: count,
  streams: count.describe('Open streams.'),
  inputRequests: count.describe('Requests to the client that wait for its answer.'),
  keptBytes: count,
})

const call = z.object({
  method: z.string(),
  tool: z.string().optional(),
  upstream: z.string().optional(),
  session: label.optional(),
  client: z.string().optional(),
  ageMs: ms,
  requestId: z.string().describe('As in its line of the log.'),
  waiting: z
    .boolean()
    .describe('Whether no worker has it: it waits for the end of a pause, a turn, a worker, or for its client.'),
})

const breaker = z.object({
  state: z.enum(['closed', 'open', 'half_open']).describe('`half_open`: one call is let through, which decides.'),
  forced: z.boolean().describe('Whether an operator holds it there.'),
  retryInMs: ms.optional().describe('When the next call is let through, in milliseconds from now.'),
})

const concurrency = z.object({
  limit: count.describe('How many calls may run at once.'),
  adaptive: z.boolean().describe('Whether the limit adapts to what the server bears.'),
  running: count.describe('Calls that have their turn, of all upstreams that share the limit.'),
})

const upstreamChange = z.object({
  upstream: z.string(),
  changed: z.boolean().describe('Whether anything has changed: a pause that is not in force cannot be ended.'),
  access: z.enum(['open', 'paused', 'disabled']),
  resumesInMs: ms.optional(),
  waiting: count.describe('Calls that wait in front of the upstream.'),
})

const patterns = z.array(z.string())
const tenant = z.object({
  tenant: z.string(),
  named: z.boolean().describe('Whether the file names it; if not, it has what `default` has.'),
  clients: count.describe('Sessions, and exchanges of clients without one, those in line for a place included.'),
  maxClients: count,
  calls: count.describe('Calls in flight.'),
  maxCalls: count,
  workers: count.describe('Workers of all upstreams that serve it alone.'),
  maxWorkers: count.describe('0: as many as the pools of the upstreams have.'),
  waiting: count.describe('Clients and calls in line: for a place, a turn or a worker.'),
  maxWaiting: count.describe('0: as many as the lines have room for.'),
  limitsOf: z.string().optional().describe('The tenant whose limits hold for it, together with others.'),
  weight: count,
  allows: z
    .object({ upstreams: patterns, endpoints: patterns, tools: patterns, prompts: patterns, resources: patterns })
    .describe('Patterns; a list that is empty says nothing.'),
  limits: z.array(
    z.object({
      scope: z.enum(['tenant', 'subject', 'tool', 'upstream', 'quota']),
      of: z.string().optional().describe('The pattern of tools, or the upstream.'),
      limit: z.string().describe('Such as `1000/min, burst 200`.'),
      dryRun: z.boolean().describe('Whether it refuses nothing.'),
      left: count.optional().describe('How many operations of cost 1 are left; left out if each subject has its own.'),
      allowed: count,
      refused: count,
      wouldRefuse: count,
    }),
  ),
})

const explainedStep = z.object({
  step: z.string().describe('What is decided, in the order in which the gateway decides.'),
  passes: z.boolean().describe('Whether the call goes on from here.'),
  says: z.string(),
  refusal: z.string().optional().describe('The word of the refusal.'),
  by: z
    .object({
      option: z.string().describe('Its path in a file, such as `tenants.acme.tools`.'),
      text: z.string().optional().describe('The pattern among several.'),
    })
    .optional()
    .describe('The value of the settings that decides.'),
  cost: count.optional().describe('Of a limit: what the call costs.'),
  left: count.optional().describe('Of a limit: what is left of it; left out if each subject has its own.'),
})

/** The answer of each operation. */
export const answers: { readonly [Id in OperationId]: z.ZodType<ApiAnswers[Id]> } = {
  instance: z.object({
    pid: count,
    version: z.string(),
    node: z.string(),
    status: z.enum(['ok', 'degraded', 'starting', 'draining', 'down']),
    startedAt: time,
    uptimeMs: ms,
    endpoint: z.string().optional(),
    config: z.string().optional().describe('The configuration file.'),
    memory: z.object({ heldBytes: count, limitBytes: z.number(), rssBytes: count }),
    counts,
  }),
  upstreams: z.object({
    upstreams: z.array(
      z.object({
        name: z.string(),
        kind: z.string(),
        state: z.enum(['starting', 'ready', 'failed', 'unhealthy', 'paused', 'disabled']),
        why: z.string().optional().describe('Why calls are not served.'),
        since: time.describe('Since when it is in this state, as far as that was noticed.'),
        resumesInMs: ms.optional().describe('When a pause ends by itself, in milliseconds from now.'),
        breaker,
        concurrency: concurrency.optional().describe('Left out if as many calls run as come.'),
        tools: count,
        workers: z.record(z.string(), count).describe('How many workers are in each state.'),
        ended: z.partialRecord(z.enum(workerEnds), count).describe('How many workers have ended so far, by reason.'),
        calls: count.describe('Calls that workers run.'),
        waiting: count.describe('Calls that wait for a worker, or for the end of a pause.'),
        oldestWaitMs: ms.describe('How long the first of them has waited, in milliseconds.'),
        counts,
        sharedResources: z
          .array(sharedResource)
          .describe('What of a module is in use or waited for, the first hundred.'),
        held: z.array(heldDefinition).describe('Definitions of tools that are held back, a hundred at most.'),
        more: count.describe('How many more are held back.'),
      }),
    ),
  }),
  workers: z.object({
    total: count,
    workers: z.array(
      z.object({
        upstream: z.string(),
        worker: count.optional().describe('Its number, as the log has it.'),
        state: z.string(),
        purpose: z.string(),
        replaced: z.boolean().describe('Whether another one takes its place when its calls are over.'),
        pid: count.optional(),
        memoryBytes: count
          .optional()
          .describe('What its processes took when they were last looked at, where that is known: on Linux.'),
        ageMs: ms,
        calls: count.describe('Calls in flight.'),
        callsTotal: count,
        session: label.optional(),
      }),
    ),
  }),
  tenants: z.object({ total: count, tenants: z.array(tenant) }),
  tenant,
  explain: z.object({
    runs: z.boolean().describe('Whether the call would reach its server, or be answered from what is known of it.'),
    waits: z.boolean().describe('Whether it would wait, because its server is paused.'),
    refusal: z.string().optional().describe('The word of the first refusal.'),
    upstream: z.string().optional(),
    steps: z.array(explainedStep),
  }),
  purgeTenant: z.object({
    tenant: z.string(),
    sessions: count.describe('Sessions that were ended, with what was stored of them.'),
    calls: count.describe('Calls that were cancelled.'),
    workers: count.describe('Workers of this tenant alone that were ended, besides those of its sessions.'),
    limits: count.describe('Rates and quotas of it and of its subjects that were in use, and are full again.'),
    tokens: count.describe('Tokens that were known to be good: the next request with one has it checked anew.'),
    closedSessions: count.describe('Sessions that had ended before, and are forgotten.'),
    errors: count.describe('Errors of the last hour that are forgotten.'),
    sharedServers: z
      .array(z.string())
      .describe('Servers whose processes all tenants share: what these remember of it cannot be told apart.'),
  }),
  pauseUpstream: upstreamChange,
  resumeUpstream: upstreamChange,
  disableUpstream: upstreamChange,
  enableUpstream: upstreamChange,
  setBreaker: z.object({
    upstream: z.string(),
    changed: z.boolean().describe('Whether it was in another state, or was not held there.'),
    breaker,
  }),
  recycleUpstream: z.object({
    upstream: z.string(),
    workers: z.array(count).describe('The numbers of those that are replaced.'),
  }),
  acceptDefinitions: z.object({
    upstream: z.string(),
    accepted: count.describe('How many definitions clients see from now on.'),
    tools: z.array(z.string()).describe('Their tools, the first ones.'),
  }),
  sessions: z.object({ total: count, sessions: z.array(session) }),
  session: session.extend({
    subject: z.string(),
    issuer: z.string().optional().describe('Who vouches for the subject: `keys`, or the URL of an issuer.'),
    clientVersion: z.string().optional(),
    tools: z
      .object({
        names: z.array(z.string()).describe('The first hundred.'),
        count,
        hash: z.string().describe('Of all definitions: equal for lists that are the same.'),
      })
      .optional()
      .describe('The tools that the client was last shown; left out if it has not asked.'),
    running: z.array(call).describe('Calls in flight, the oldest first: a hundred at most.'),
    history: z.array(
      z.object({
        method: z.string(),
        tool: z.string().optional(),
        at: time,
        durationMs: ms,
        outcome: z.string(),
      }),
    ),
  }),
  closeSession: z.object({ label }),
  closedSessions: z.object({
    total: count,
    sessions: z.array(
      z.object({
        label,
        tenant: z.string(),
        client: z.string().optional(),
        reason: z.string(),
        endedAt: time,
        ageMs: ms,
        calls: count,
        lastError: lastError.optional(),
      }),
    ),
  }),
  errors: z.object({
    total: count.describe('Errors within the last hour.'),
    errors: z.array(
      z.object({
        reason: z.string().describe('`tool_error`, `error` (of the server), or the word of a refusal.'),
        tenant: z
          .string()
          .optional()
          .describe('Left out if the caller was not known yet, and beyond a hundred kinds of errors in a minute.'),
        client: z.string().optional(),
        tool: z.string().optional(),
        upstream: z.string().optional(),
        count,
        lastAt: time,
      }),
    ),
  }),
  reloads,
  startReload,
  drain: z.object({
    draining: z.boolean(),
    sinceMs: ms.optional().describe('How long it has drained, in milliseconds.'),
    leftMs: ms.optional().describe('How long calls may still take, in milliseconds.'),
    callsInFlight: count,
    waitingFor: z.array(call),
  }),
  startDrain: z.object({ draining: z.literal(true) }),
}

/** What is wrong with a request. [RFC 9457] */
export const problem: z.ZodType = z.object({
  type: z.literal('about:blank'),
  title: z.string(),
  status: count,
  reason: z.string().describe('A word that does not change.'),
})
