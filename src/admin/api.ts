/**
 * The operations of the JSON API as data: paths, parameters, what they are for. Handlers (`handlers.ts`), the schemas of the
 * answers (`schemas.ts`) and the printed document (`openapi.ts`) are checked against it by the compiler.
 */
import { sessionEnds } from '../base/events.ts'
import type { BreakerWord } from '../gateway/gateway.ts'
import type { ApiAnswers } from './answers.ts'

/** A parameter in the query, all of which are optional. */
export interface QueryParameter {
  readonly about: string
  readonly kind: 'text' | 'word' | 'count'
  /** The words that there are. */
  readonly words?: readonly string[]
  /** Of a count. */
  readonly max?: number
  readonly default?: number
  /** Of a text: how much of it is read, in characters; 256 if nothing is said. */
  readonly maxChars?: number
}

/** A member of the body of a POST. */
export interface BodyMember {
  readonly about: string
  readonly kind: 'word' | 'text' | 'count'
  /** The words that there are. */
  readonly words?: readonly string[]
  /** Of a count; 1 is the least. */
  readonly max?: number
  /** Without it the member is required, unless it is a text. */
  readonly default?: number
}

/** What a token lets its holder do: look at everything, change what runs, or change what is served and to whom. */
export const rights = ['read', 'act', 'configure'] as const
export type Right = (typeof rights)[number]

export interface ApiOperation {
  readonly method: 'GET' | 'POST'
  /** What a token must have. */
  readonly right: Right
  /** Parts in braces stand for one segment. */
  readonly path: string
  readonly about: string
  readonly query?: Readonly<Record<string, QueryParameter>>
  /** The members of its body; without it a body is empty. */
  readonly body?: Readonly<Record<string, BodyMember>>
  /** What may be wrong, by status. */
  readonly errors?: Readonly<Record<number, string>>
}

/** The operations, each with the type of its answer. */
export type OperationId = keyof ApiAnswers

const limit: QueryParameter = { about: 'How many at most.', kind: 'count', max: 1000, default: 100 }
const offset: QueryParameter = { about: 'How many to leave out at the beginning.', kind: 'count', max: 1e9, default: 0 }
const client: QueryParameter = { about: 'Only those whose client has this in its name, in any case.', kind: 'text' }
const tenant: QueryParameter = { about: 'Only those of this tenant.', kind: 'text' }
const noUpstream = { 404: 'There is no such upstream.' }
const noSession = { 404: 'There is no such session.', 409: 'Several sessions have labels that begin so.' }

/** What an operator may make of a breaker. */
export const breakerWords: readonly BreakerWord[] = ['open', 'close', 'auto']
/** The longest pause, in milliseconds, and how long one lasts if nothing is said: a pause that is forgotten ends by itself. */
const pauseMs = { longest: 3_600_000, standard: 300_000 }

export const api: Readonly<Record<OperationId, ApiOperation>> = {
  instance: {
    method: 'GET',
    right: 'read',
    path: '/api/v1/instance',
    about: 'The instance: version, address, load, memory.',
  },
  upstreams: {
    method: 'GET',
    right: 'read',
    path: '/api/v1/upstreams',
    about: 'Each upstream: its state, why and since when, its workers by state, the calls that wait.',
  },
  workers: {
    method: 'GET',
    right: 'read',
    path: '/api/v1/workers',
    about: 'The workers of all upstreams, or of one.',
    query: { limit, offset, upstream: { about: 'Only those of this upstream.', kind: 'text' } },
    errors: noUpstream,
  },
  pauseUpstream: {
    method: 'POST',
    right: 'act',
    path: '/api/v1/upstreams/{upstream}/pause',
    about:
      'Has new calls wait; those that run end. It ends by itself after `forMs`. A pause takes the place of the one before.',
    body: {
      forMs: {
        about: 'How long it lasts, in milliseconds.',
        kind: 'count',
        max: pauseMs.longest,
        default: pauseMs.standard,
      },
    },
    errors: noUpstream,
  },
  resumeUpstream: {
    method: 'POST',
    right: 'act',
    path: '/api/v1/upstreams/{upstream}/resume',
    about: 'Ends a pause at once: calls that wait run, in fair turns.',
    errors: noUpstream,
  },
  disableUpstream: {
    method: 'POST',
    right: 'act',
    path: '/api/v1/upstreams/{upstream}/disable',
    about: 'Refuses new calls, and those that wait, with `upstream_disabled`. Calls that run go on.',
    errors: noUpstream,
  },
  enableUpstream: {
    method: 'POST',
    right: 'act',
    path: '/api/v1/upstreams/{upstream}/enable',
    about: 'Ends `disable`. A pause that has not ended is in force again.',
    errors: noUpstream,
  },
  setBreaker: {
    method: 'POST',
    right: 'act',
    path: '/api/v1/upstreams/{upstream}/breaker',
    about:
      'Holds the circuit breaker `open` (calls are refused with `breaker_open`) or `close`d, whatever calls come to; `auto` has it go by calls again, with nothing counted yet.',
    body: { state: { about: 'What it is from now on.', kind: 'word', words: breakerWords } },
    errors: noUpstream,
  },
  recycleUpstream: {
    method: 'POST',
    right: 'act',
    path: '/api/v1/upstreams/{upstream}/recycle',
    about:
      'Has another worker take the place of each: it gets no further call, and ends when its calls are over. Answered at once; `workers` tells when those that it names are gone.',
    errors: noUpstream,
  },
  acceptDefinitions: {
    method: 'POST',
    right: 'configure',
    path: '/api/v1/upstreams/{upstream}/accept',
    about:
      'Shows clients definitions of tools that were held back (`onChange: hold`): all of the upstream, or the one with this `hash`. The operation `upstreams` lists the hashes.',
    body: { hash: { about: 'The hash of one definition, or the beginning of it; all without it.', kind: 'text' } },
    errors: {
      404: 'There is no such upstream, or no definition whose hash begins so.',
      409: 'Several definitions have hashes that begin so.',
    },
  },
  sessions: {
    method: 'GET',
    right: 'read',
    path: '/api/v1/sessions',
    about: 'Live sessions, in the order in which they were opened. Their ids are never told; labels name them.',
    query: { limit, offset, client, tenant },
  },
  session: {
    method: 'GET',
    right: 'read',
    path: '/api/v1/sessions/{session}',
    about:
      'One session by its label or the beginning of it: whose it is, the tools that its client was shown, its calls in flight and its last calls.',
    errors: noSession,
  },
  closeSession: {
    method: 'POST',
    right: 'act',
    path: '/api/v1/sessions/{session}/close',
    about: 'Ends a session: its calls are cancelled, and its client is told to begin another one (404).',
    errors: noSession,
  },
  closedSessions: {
    method: 'GET',
    right: 'read',
    path: '/api/v1/closed-sessions',
    about: 'The last 10,000 sessions that have ended, the last one first, with reason, age and last error.',
    query: {
      limit,
      offset,
      client,
      tenant,
      reason: { about: 'Only those that ended for this reason.', kind: 'word', words: sessionEnds },
    },
  },
  tenants: {
    method: 'GET',
    right: 'read',
    path: '/api/v1/tenants',
    about:
      'The tenants of the file, then those without a name there that use something now: what each may use, its limits and what is left of them.',
    query: { limit, offset },
  },
  tenant: {
    method: 'GET',
    right: 'read',
    path: '/api/v1/tenants/{tenant}',
    about: 'One tenant, by its name.',
    errors: { 404: 'There is no such tenant.' },
  },
  explain: {
    method: 'GET',
    right: 'read',
    path: '/api/v1/explain',
    about:
      'What would happen to a call of a tenant, and by which values of the settings. Nothing is taken of a limit, and nothing is sent.',
    query: {
      tenant: { about: 'The tenant of the caller; `default` without it.', kind: 'text' },
      subject: {
        about: 'Whose limits are asked for; without it, those of each subject are told without what is left.',
        kind: 'text',
      },
      issuer: { about: 'Who vouches for the subject: `keys`, or the URL of an issuer.', kind: 'text', maxChars: 2048 },
      scopes: {
        about: 'What its credentials grant, with spaces between; without it they limit nothing.',
        kind: 'text',
        maxChars: 2048,
      },
      endpoint: { about: 'The last part of the path of the endpoint; `/mcp` without it.', kind: 'text' },
      method: { about: 'The method, if it is not the usual one for what is named.', kind: 'text' },
      tool: { about: 'The tool, as clients see it at that endpoint.', kind: 'text', maxChars: 2048 },
      prompt: { about: 'The prompt, as clients see it there.', kind: 'text', maxChars: 2048 },
      resource: { about: 'The URI of a resource, as clients see it there.', kind: 'text', maxChars: 8200 },
    },
    errors: { 400: 'Neither a method nor anything else that says it is given.' },
  },
  purgeTenant: {
    method: 'POST',
    right: 'configure',
    path: '/api/v1/tenants/{tenant}/purge',
    about:
      'Deletes what is kept of a tenant: its sessions end (`purged`) with what is stored of them, its calls are cancelled, its own workers end, and its limits, lists, errors and ended sessions are forgotten. It may come again at once.',
    errors: { 404: 'There is no such tenant, and nothing is kept of one.', 503: 'Records of sessions may be left.' },
  },
  errors: {
    method: 'GET',
    right: 'read',
    path: '/api/v1/errors',
    about:
      'What went wrong within the last hour: how often, by reason, tenant, client, tool and upstream, the most frequent first.',
    query: { limit, tenant },
  },
  reloads: {
    method: 'GET',
    right: 'read',
    path: '/api/v1/reload',
    about:
      'How many reloads have begun, whatever asked for them, and the result of the last one that has ended, unless a newer one has replaced it.',
  },
  startReload: {
    method: 'POST',
    right: 'configure',
    path: '/api/v1/reload',
    about:
      'Has the instance read its file again. Answered at once with the number of the reload: `reloads` has its result when it has ended.',
    errors: { 409: 'There is no file that can be read again, or the instance is still starting.' },
  },
  drain: {
    method: 'GET',
    right: 'read',
    path: '/api/v1/drain',
    about: 'Whether the instance drains, and the calls that a drain waits for, the oldest first.',
    query: { limit },
  },
  startDrain: {
    method: 'POST',
    right: 'act',
    path: '/api/v1/drain',
    about: 'Begins to drain, as SIGTERM does: new work is refused, calls in flight may finish, then the process ends.',
  },
}

/** Where the figures for Prometheus are. */
export const metricsPath = '/metrics'

/** Where the document of the API is. */
export const openapiPath = '/api/v1/openapi.json'

/** What a token must have for what is no operation. */
export const rightsOfPaths: Readonly<Record<typeof metricsPath | typeof openapiPath, Right>> = {
  [metricsPath]: 'read',
  [openapiPath]: 'read',
}
