/**
 * The part of the table of refusals for faults of a request itself: its form, its content, and the session that it names.
 * All other reasons to refuse it are in refusals.ts, which joins both parts.
 */
import { row, type RefusalRow } from './refusal-row.ts'

export type RequestRefusalCode =
  | 'parse_error'
  | 'invalid_request'
  | 'bad_header'
  | 'request_too_large'
  | 'headers_too_large'
  | 'request_timeout'
  | 'unsupported_media_type'
  | 'not_acceptable'
  | 'method_not_allowed'
  | 'unauthorized'
  | 'insufficient_scope'
  | 'not_found'
  | 'forbidden_origin'
  | 'forbidden_host'
  | 'method_not_found'
  | 'invalid_params'
  | 'invalid_meta'
  | 'request_metadata_missing'
  | 'header_mismatch'
  | 'missing_capability'
  | 'unsupported_version'
  | 'stateless_refused'
  | 'discover_refused'
  | 'session_required'
  | 'session_not_found'
  | 'already_initialized'

export const requestRefusals: Readonly<Record<RequestRefusalCode, RefusalRow>> = {
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
    'Send each of Host, Origin, Authorization, X-Api-Key and the Mcp-* headers at most once.',
  ),
  request_too_large: row(
    -32600,
    413,
    'changed',
    'The request body is too large.',
    'Send less, or a reference to the data instead; the operator can raise the limit, MCPLEX_LIMITS__MAX_BODY (4 MiB by default).',
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
  unauthorized: row(
    -32600,
    401,
    'changed',
    'Valid credentials are required.',
    'Send an API key or a token with every request, in the header `Authorization: Bearer ...` (a key also in `X-Api-Key`), never in the address. The operator makes a key with `mcplex keys create`; issuers of tokens are named in the metadata that WWW-Authenticate points to. The log has the reason of each refusal.',
  ),
  insufficient_scope: row(
    -32600,
    403,
    'changed',
    'The credentials do not grant what this request needs.',
    'Get a token with the scopes that WWW-Authenticate names. The operator decides with auth.scopes which requests need which.',
  ),
  not_found: row(
    -32600,
    404,
    'changed',
    'There is nothing at this path. Unless it is mounted elsewhere, the MCP endpoint is /mcp.',
    'Use /mcp; HTTP+SSE is at /sse and /messages, unless it is switched off. A program that embeds mcplex chooses its own paths.',
  ),
  forbidden_origin: row(
    -32600,
    403,
    'changed',
    'Requests from this origin are not allowed.',
    'Allow the origin with --allow-origin if a web page of it should use this server.',
  ),
  forbidden_host: row(
    -32600,
    403,
    'changed',
    'This server is not known under that host name.',
    'Use the address it listens on, or allow the host name with --allow-host.',
  ),
  method_not_found: row(
    -32601,
    200,
    'never',
    'The method is not known here.',
    'Call only methods that belong to the capabilities the server announces.',
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
  request_metadata_missing: row(
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
    'Open a session with initialize, in one of the versions in error.data.supported: the server may keep state for each client, and a stateless request does not say which client sent it. With --stateless the operator decides what such clients share.',
  ),
  discover_refused: row(
    -32601,
    200,
    'changed',
    'The stateless revision is not offered here: connect with initialize. The operator can offer it with --stateless.',
    'Open a session with initialize, as clients of both eras do by themselves. With --stateless the operator decides what clients without a session share.',
  ),
  session_required: row(
    -32600,
    400,
    'changed',
    'The Mcp-Session-Id header is missing.',
    'Send the session id from the response to initialize with every later request; over HTTP+SSE, POST to the address in the first event.',
  ),
  session_not_found: row(
    -32001,
    404,
    'changed',
    'Session not found.',
    'The session has ended or never existed: open a new one with initialize.',
  ),
  already_initialized: row(
    -32600,
    400,
    'never',
    'The session is initialized already.',
    'Send initialize without a session id to open another session.',
  ),
}
