/**
 * Every reason for which mcplex itself refuses a request, as one table. Codes are public and never reused: clients find
 * them in `error.data.reason`, log lines carry them, and `docs/errors.md` is printed from this table.
 *
 * The table is in two files, each with its codes and rows. request-refusals.ts has the faults of a request itself and of
 * the session that it names. All others are here: limits, events and calls that are gone, the state of mcplex, its store
 * and the server, the endpoint of `connect`.
 */
import { row, type RefusalRow } from './refusal-row.ts'
import { requestRefusals, type RequestRefusalCode } from './request-refusals.ts'

export type RefusalCode =
  | RequestRefusalCode
  | 'unknown_event_id'
  | 'events_expired'
  | 'unknown_tenant'
  | 'rate_limited'
  | 'tenant_at_capacity'
  | 'too_many_calls'
  | 'memory_share_exceeded'
  | 'overloaded'
  | 'draining'
  | 'starting'
  | 'store_unavailable'
  | 'issuer_unavailable'
  | 'upstream_unavailable'
  | 'upstream_disabled'
  | 'policy_refused'
  | 'policy_unavailable'
  | 'breaker_open'
  | 'upstream_closed'
  | 'worker_memory'
  | 'upstream_timeout'
  | 'upstream_invalid'
  | 'result_too_large'
  | 'not_supported_by_client_revision'
  | 'input_not_provided'
  | 'too_many_rounds'
  | 'endpoint_unreachable'
  | 'endpoint_invalid_response'
  | 'endpoint_denied'
  | 'connection_lost'
  | 'suspended_call_gone'
  | 'input_already_provided'
  | 'cancelled'
  | 'internal'

export const refusals: Readonly<Record<RefusalCode, RefusalRow>> = {
  ...requestRefusals,
  unknown_event_id: row(
    -32602,
    400,
    'changed',
    'The Last-Event-ID is not known in this session.',
    'Resume with an event id that this session has received, or open a new stream.',
  ),
  events_expired: row(
    -32603,
    200,
    'changed',
    'Events of this stream are no longer kept.',
    'Some events were lost: read the state again with lists and calls.',
  ),
  unknown_tenant: row(
    -32603,
    403,
    'never',
    'Callers of your tenant are not served here.',
    'Use credentials of another tenant. The operator gives a tenant what it may use, under its name in `tenants`, or serves all others with `limits.unknownTenants: default`.',
  ),
  rate_limited: row(
    -32603,
    429,
    'later',
    'A limit of your tenant is reached.',
    'Wait for `retryAfterMs`: then the same request is allowed, if no other one comes before it. The operator finds the limits of a tenant in `tenants`, and `dryRun` there counts without refusing.',
  ),
  tenant_at_capacity: row(
    -32603,
    429,
    'later',
    'Your tenant has as many clients, calls, workers or places in line as it may have at once.',
    'End sessions that are not needed, or wait for answers. `scope` says of what there are too many: `clients`, `calls`, `workers` or `waiting`; the operator can raise `maxConnections`, `maxCalls`, `maxWorkers` or `maxWaiting` of the tenant.',
  ),
  too_many_calls: row(
    -32603,
    429,
    'later',
    'This session has too many calls in flight.',
    'Wait for answers before sending more; the operator can raise the limit, MCPLEX_LIMITS__CALLS_PER_SESSION (64 by default).',
  ),
  memory_share_exceeded: row(
    -32603,
    429,
    'changed',
    'This client has used up its share of memory.',
    'Have fewer and smaller subscriptions, calls and waiting messages at a time, and read what was sent. The share of one client is a part of --memory, which the operator can raise.',
  ),
  overloaded: row(
    -32603,
    503,
    'later',
    'The server is at capacity: a waiting line is full, a wait was or would be too long, or memory is short.',
    'Try again after Retry-After seconds. The operator finds the cause in /health: a paused server (resume it), the `concurrency` or `limit` of a server, an overload step, or too little of --max-connections, --pool, --queue or --memory.',
  ),
  draining: row(
    -32603,
    503,
    'later',
    'The server is shutting down.',
    'Try again after Retry-After seconds; another instance or a restarted one will answer.',
  ),
  starting: row(
    -32603,
    503,
    'later',
    'The server is still starting.',
    'Try again after Retry-After seconds. While the server starts, at most as many requests wait as --queue allows.',
  ),
  store_unavailable: row(
    -32603,
    503,
    'later',
    'The session store does not answer.',
    'Try again after Retry-After seconds.',
  ),
  issuer_unavailable: row(
    -32603,
    503,
    'later',
    'Whether the token is valid cannot be found out at the moment.',
    'Try again after Retry-After seconds, with the same token; the operator finds the reason in the log.',
  ),
  upstream_unavailable: row(
    -32603,
    200,
    'later',
    'The MCP server behind this gateway cannot be started at the moment.',
    'Try again later; the operator finds the reason in the log.',
  ),
  upstream_disabled: row(
    -32603,
    200,
    'later',
    'The operator has switched this MCP server off for the time being.',
    'Use other tools meanwhile; the operator decides when it is switched on again.',
  ),
  policy_refused: row(
    -32603,
    200,
    'changed',
    'A policy of the operator does not allow this call.',
    'The message has the reason. `data.executed` is true if the call has run and only its result was withheld. The operator finds the decision in `policy`.',
  ),
  policy_unavailable: row(
    -32603,
    200,
    'later',
    'The policy of the operator could not decide on this call.',
    'Try again later, with care if `data.executed` is true: the call has run. The operator finds in the log why the webhook gave no decision; `policy.failClosed: false` lets such calls pass.',
  ),
  breaker_open: row(
    -32603,
    200,
    'later',
    'Calls of this MCP server have failed too often, so none is sent to it for a moment.',
    'Try again after error.data.retryAfterMs, or use other tools meanwhile; an operator who holds the breaker open decides when that ends, and no time is given then. The operator finds the reason in the log and with `mcplex upstreams`.',
  ),
  upstream_closed: row(
    -32603,
    200,
    'later',
    'The MCP server behind this gateway ended before it answered.',
    'The call may or may not have run; check before calling again.',
  ),
  worker_memory: row(
    -32603,
    200,
    'changed',
    'The MCP server behind this gateway needed more memory than it may have, and was ended.',
    'The call may have run in part. Ask for less at a time; the operator can raise upstreams.NAME.limits.memory.',
  ),
  upstream_timeout: row(
    -32603,
    200,
    'later',
    'The MCP server behind this gateway did not answer in time.',
    'The call was cancelled; it may have run in part.',
  ),
  upstream_invalid: row(
    -32603,
    200,
    'never',
    'The MCP server behind this gateway sent an answer that is not valid.',
    'Report it to the author of the server.',
  ),
  result_too_large: row(
    -32603,
    200,
    'changed',
    'The result is too large to be forwarded.',
    'Ask for less; the operator can raise the limit of a result, MCPLEX_UPSTREAM__MAX_LINE (16 MiB by default), or --memory.',
  ),
  not_supported_by_client_revision: row(
    -32603,
    200,
    'never',
    'The server sent an input request of a kind that the protocol revision of this client does not have.',
    'Use a client of the same protocol era as the server.',
  ),
  input_not_provided: row(
    -32603,
    200,
    'later',
    'The client did not answer an input request of the server.',
    'Answer input requests in time (MCPLEX_SESSIONS__INPUT_TIMEOUT, ten minutes by default); the call may have run in part.',
  ),
  too_many_rounds: row(
    -32603,
    200,
    'never',
    'The server asked for input in too many rounds of one call.',
    'Report it to the author of the server: one call can have 16 rounds of input requests.',
  ),
  endpoint_unreachable: row(
    -32603,
    200,
    'later',
    'The server at the URL cannot be reached. The request was not sent.',
    'Start mcplex at that URL, or correct the URL; `mcplex connect` tries again by itself with the next request.',
  ),
  endpoint_invalid_response: row(
    -32603,
    200,
    'changed',
    'The server at the URL did not send a valid MCP response.',
    'Look at the HTTP status in error.data.status: the URL must name an MCP endpoint.',
  ),
  endpoint_denied: row(
    -32603,
    200,
    'changed',
    'The server at the URL does not accept the credentials of this client. The request was not run.',
    'Give `mcplex connect` the right key, or sign in again; its log says what was tried, and the ways out.',
  ),
  connection_lost: row(
    -32603,
    200,
    'later',
    'The connection was lost before the answer came.',
    'The call may or may not have run; check before calling again.',
  ),
  suspended_call_gone: row(
    -32603,
    200,
    'changed',
    'No suspended call waits for these input responses (any more).',
    'Make the call again without requestState and inputResponses. It may have run in part.',
  ),
  input_already_provided: row(
    -32602,
    200,
    'never',
    'These input requests were answered already.',
    'Send the input responses of a round once; the request that carried them gets the result.',
  ),
  cancelled: row(-32603, 200, 'never', 'The call was cancelled.', 'The client asked for it, or its session ended.'),
  internal: row(
    -32603,
    500,
    'later',
    'An internal error happened.',
    'Give the id in error.data.id to the operator: the log has the details.',
  ),
}
