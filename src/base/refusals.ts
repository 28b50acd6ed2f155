/**
 * Every reason for which mcplex itself says no, as one table. Codes are public and never reused: a code is what a
 * client finds in `error.data.reason`, what a log line carries and what `docs/errors.md` is printed from.
 */

/** Whether doing the same again can help: at once after a wait, never, or only after the caller has changed something. */
export type Retry = 'later' | 'never' | 'changed'

export type RefusalCode =
  | 'parse_error'
  | 'invalid_request'
  | 'bad_header'
  | 'request_too_large'
  | 'headers_too_large'
  | 'request_timeout'
  | 'unsupported_media_type'
  | 'not_acceptable'
  | 'method_not_allowed'
  | 'not_found'
  | 'forbidden_origin'
  | 'forbidden_host'
  | 'method_not_found'
  | 'invalid_params'
  | 'invalid_meta'
  | 'envelope_missing'
  | 'header_mismatch'
  | 'missing_capability'
  | 'unsupported_version'
  | 'stateless_refused'
  | 'discover_refused'
  | 'session_required'
  | 'session_unknown'
  | 'already_initialized'
  | 'stream_taken'
  | 'unknown_event'
  | 'events_expired'
  | 'too_many_calls'
  | 'memory_share_exceeded'
  | 'overloaded'
  | 'draining'
  | 'starting'
  | 'store_unavailable'
  | 'upstream_unavailable'
  | 'upstream_closed'
  | 'upstream_timeout'
  | 'upstream_invalid'
  | 'result_too_large'
  | 'not_bridged'
  | 'unanswered'
  | 'too_many_rounds'
  | 'endpoint_unreachable'
  | 'endpoint_refused'
  | 'connection_lost'
  | 'interaction_lost'
  | 'interaction_answered'
  | 'cancelled'
  | 'internal'

export interface RefusalRow {
  /** What happened, for a client: no internals, no names, no paths. */
  readonly message: string
  /** What the reader can do about it; printed into the documentation. */
  readonly remedy: string
  /** JSON-RPC error code. */
  readonly rpc: number
  /** HTTP status; 200 means that the refusal is the JSON-RPC answer of a request that was understood. */
  readonly status: number
  readonly retry: Retry
}

export const refusals: Readonly<Record<RefusalCode, RefusalRow>> = {
  parse_error: row(
    -32700,
    400,
    'changed',
    'The body is not valid JSON.',
    'Send UTF-8 JSON, at most 128 levels deep and with at most 100,000 members.',
  ),
  invalid_request: row(
    -32600,
    400,
    'changed',
    'The message is not a valid JSON-RPC 2.0 message.',
    'Send one JSON-RPC 2.0 message a POST; batches exist in revision 2025-03-26 only.',
  ),
  bad_header: row(
    -32600,
    400,
    'changed',
    'A header is malformed, or was sent twice.',
    'Send each of Host, Origin, Authorization and the Mcp-* headers at most once.',
  ),
  request_too_large: row(
    -32600,
    413,
    'changed',
    'The request body is too large.',
    'Keep bodies below 4 MiB, or pass a reference to the data instead.',
  ),
  headers_too_large: row(
    -32600,
    431,
    'changed',
    'The request headers are too large or too many.',
    'Keep headers below 16 KiB and 200 lines.',
  ),
  request_timeout: row(
    -32600,
    408,
    'later',
    'The request did not arrive in time.',
    'Send headers within 10 s and the body within 30 s.',
  ),
  unsupported_media_type: row(
    -32600,
    415,
    'changed',
    'The content type is not application/json, or the body is compressed.',
    'Send Content-Type: application/json, uncompressed, in UTF-8.',
  ),
  not_acceptable: row(
    -32600,
    406,
    'changed',
    'The client does not accept an answer that can be given here.',
    'Send Accept: application/json, text/event-stream; event streams are sent only to clients that accept them.',
  ),
  method_not_allowed: row(
    -32600,
    405,
    'changed',
    'This HTTP method is not served here.',
    'Use POST; session-based revisions may also use GET and DELETE with a session id.',
  ),
  not_found: row(
    -32600,
    404,
    'changed',
    'There is nothing at this path. Unless it is mounted elsewhere, the MCP endpoint is /mcp.',
    'Use /mcp; HTTP+SSE is on /sse and /messages, unless it is switched off. Handlers are where their program mounts them.',
  ),
  forbidden_origin: row(
    -32600,
    403,
    'changed',
    'Requests from this origin are not allowed.',
    'Name the origin with --allow-origin if a web page shall use this server.',
  ),
  forbidden_host: row(
    -32600,
    403,
    'changed',
    'This server is not known under that host name.',
    'Use the address it listens on, or name the host with --allow-host.',
  ),
  method_not_found: row(
    -32601,
    200,
    'never',
    'The method is not known here.',
    'Ask only for what the server announces in its capabilities.',
  ),
  invalid_params: row(
    -32602,
    200,
    'changed',
    'The parameters are not valid.',
    'Compare the parameters with the schema of the method.',
  ),
  invalid_meta: row(
    -32602,
    400,
    'changed',
    'The metadata of the message is not an object.',
    'Send params._meta as an object, or leave it out.',
  ),
  envelope_missing: row(
    -32602,
    400,
    'changed',
    'The request metadata is missing or malformed.',
    'Send io.modelcontextprotocol/protocolVersion and /clientCapabilities in params._meta of each request.',
  ),
  header_mismatch: row(
    -32020,
    400,
    'changed',
    'A header does not match the body.',
    'Derive MCP-Protocol-Version, Mcp-Method, Mcp-Name and Mcp-Param-* from the body that is sent.',
  ),
  missing_capability: row(
    -32021,
    400,
    'changed',
    'The request needs a capability that the client did not declare.',
    'Declare the capabilities listed in error.data.requiredCapabilities, if the client has them.',
  ),
  unsupported_version: row(
    -32022,
    400,
    'changed',
    'This protocol version is not supported.',
    'Choose one of the versions in error.data.supported.',
  ),
  stateless_refused: row(
    -32022,
    400,
    'changed',
    'Requests without a session are not served here: connect with initialize. The operator can allow them with --stateless.',
    'Open a session with initialize, in one of the versions in error.data.supported: the server may keep state of its client, and nothing in a stateless request says whose it is. The operator says with --stateless what such clients may share.',
  ),
  discover_refused: row(
    -32601,
    200,
    'changed',
    'The stateless revision is not offered here: connect with initialize. The operator can offer it with --stateless.',
    'Open a session with initialize, as clients of both eras do by themselves. The operator says with --stateless what clients without a session may share.',
  ),
  session_required: row(
    -32600,
    400,
    'changed',
    'The Mcp-Session-Id header is missing.',
    'Send the session id of the answer to initialize with every later request; over HTTP+SSE, POST to the address that the first event names.',
  ),
  session_unknown: row(
    -32001,
    404,
    'changed',
    'Session not found.',
    'The session has ended or never was: start over with initialize.',
  ),
  already_initialized: row(
    -32600,
    400,
    'never',
    'The session is initialized already.',
    'Send initialize without a session id to open another session.',
  ),
  stream_taken: row(
    -32600,
    409,
    'later',
    'The session has an open event stream already.',
    'Close the other stream first, or use it.',
  ),
  unknown_event: row(
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
  too_many_calls: row(
    -32603,
    429,
    'later',
    'This session has too many calls in flight.',
    'Wait for answers before sending more; the limit is 64 calls in flight a session.',
  ),
  memory_share_exceeded: row(
    -32603,
    429,
    'changed',
    'This client has more kept in memory than one client may.',
    'Have fewer subscriptions, calls and messages that wait at a time, and smaller ones; read what was sent. One client gets an eighth of what the operator allows with --memory.',
  ),
  overloaded: row(
    -32603,
    503,
    'later',
    'The server is at its limit, and the wait for a place was too long.',
    'Try again after Retry-After seconds; the operator can raise --max-connections, --pool, --queue or --memory.',
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
    'The server is starting.',
    'Try again after Retry-After seconds: the MCP server behind it has not answered yet.',
  ),
  store_unavailable: row(
    -32603,
    503,
    'later',
    'The session store does not answer.',
    'Try again after Retry-After seconds.',
  ),
  upstream_unavailable: row(
    -32603,
    200,
    'later',
    'The MCP server behind this gateway cannot be started at the moment.',
    'Try again later; the operator finds the reason in the log.',
  ),
  upstream_closed: row(
    -32603,
    200,
    'later',
    'The MCP server behind this gateway ended before it answered.',
    'The call may or may not have run; check before calling again.',
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
    'Ask for less: results are limited to 16 MiB.',
  ),
  not_bridged: row(
    -32603,
    200,
    'never',
    'The server asks its client questions in a way that this protocol revision of the client does not have.',
    'Use a client of the same protocol era as the server.',
  ),
  unanswered: row(
    -32603,
    200,
    'later',
    'The server asked its client something and got no answer.',
    'Answer the questions of a server in time (ten minutes, unless the operator says otherwise); the call may have run in part.',
  ),
  too_many_rounds: row(
    -32603,
    200,
    'never',
    'The server went on asking its client within one call.',
    'Report it to the author of the server: a call can ask its client 16 times.',
  ),
  endpoint_unreachable: row(
    -32603,
    200,
    'later',
    'The server at the URL cannot be reached. The request was not sent.',
    'Start mcplex at that URL, or correct the URL; `mcplex connect` tries again by itself with the next request.',
  ),
  endpoint_refused: row(
    -32603,
    200,
    'changed',
    'The server at the URL did not answer as an MCP server does.',
    'Look at the HTTP status in error.data.status: the URL must name an MCP endpoint, and the key must be right.',
  ),
  connection_lost: row(
    -32603,
    200,
    'later',
    'The connection was lost before the answer came.',
    'The call may or may not have run; check before calling again.',
  ),
  interaction_lost: row(
    -32603,
    200,
    'changed',
    'The call that these answers are for does not wait for them (any more).',
    'Make the call again without requestState and inputResponses. It may have run in part.',
  ),
  interaction_answered: row(
    -32602,
    200,
    'never',
    'These questions were answered already.',
    'Send the answers of a round once; the request that brought them gets the result.',
  ),
  cancelled: row(-32603, 200, 'never', 'The call was cancelled.', 'The client asked for it, or its session ended.'),
  internal: row(
    -32603,
    500,
    'later',
    'An internal error happened.',
    'Give the operator the id in error.data.id: the log has the details.',
  ),
}

function row(rpc: number, status: number, retry: Retry, message: string, remedy: string): RefusalRow {
  return { rpc, status, retry, message, remedy }
}
