/**
 * Numbers that documents quote, each with the setting or the constant that it describes. A value is the variable of an
 * option, whose default is meant, or a file below `src/` and the name of a constant in it. In a phrase `{}` stands for
 * the values in their order, in any usual spelling, and `…` for the rest of a line.
 */
export const quotedNumbers = [
  {
    document: 'README.md',
    phrase: 'limits {} clients · … · idle {} · max {} · queue {}',
    values: [
      'MCPLEX_LIMITS__MAX_CONNECTIONS',
      'MCPLEX_LIMITS__IDLE_TIMEOUT',
      'MCPLEX_LIMITS__MAX_SESSION_AGE',
      'MCPLEX_LIMITS__QUEUE__MAX',
    ],
  },
  { document: 'README.md', phrase: '{} at most (one, if', values: ['MCPLEX_SESSIONS__INPUT_TIMEOUT'] },
  ...operations(),
  ...clients(),
  {
    document: 'docs/life-of-a-request.md',
    phrase: 'within {} is answered as one JSON body',
    values: ['gateway/calls/json-or-stream.ts jsonWaitMs'],
  },
  { document: 'docs/life-of-a-request.md', phrase: 'ends after {}.', values: ['MCPLEX_SESSIONS__HANDSHAKE_TIMEOUT'] },
  { document: 'docs/life-of-a-request.md', phrase: 'every {} of silence', values: ['MCPLEX_SESSIONS__KEEP_ALIVE'] },
  {
    document: 'docs/storage.md',
    phrase: '`eventsPerStream` ({}) events, `bytesPerStream` ({})',
    values: ['MCPLEX_SESSIONS__EVENTS_PER_STREAM', 'MCPLEX_SESSIONS__BYTES_PER_STREAM'],
  },
  {
    document: 'docs/storage.md',
    phrase: 'at most {} finished',
    values: ['sessions/journalled-output.ts maxEndedStreams'],
  },
  { document: 'docs/storage.md', phrase: 'up to {} times', values: ['sessions/session-records.ts maxAttempts'] },
  { document: 'docs/recipes.md', phrase: 'the {} that mcplex gives', values: ['MCPLEX_LIMITS__DRAIN'] },
]

function operations() {
  const rows = [
    ['| {} | … `--max-connections`', 'MCPLEX_LIMITS__MAX_CONNECTIONS'],
    ['| {}, for {} | … `--queue`', 'MCPLEX_LIMITS__QUEUE__MAX', 'MCPLEX_LIMITS__QUEUE__MAX_WAIT'],
    ['| {} | … `MCPLEX_LIMITS__CALLS_PER_SESSION`', 'MCPLEX_LIMITS__CALLS_PER_SESSION'],
    ['| {}, {} | … `MCPLEX_UPSTREAM__CALL_IDLE`', 'MCPLEX_UPSTREAM__CALL_IDLE', 'MCPLEX_UPSTREAM__CALL_TOTAL'],
    ['| {}, {} | … `--max-session`', 'MCPLEX_LIMITS__IDLE_TIMEOUT', 'MCPLEX_LIMITS__MAX_SESSION_AGE'],
    ['| {} | … `MCPLEX_LIMITS__MAX_BODY`', 'MCPLEX_LIMITS__MAX_BODY'],
    ['| {} | … `MCPLEX_UPSTREAM__MAX_LINE`', 'MCPLEX_UPSTREAM__MAX_LINE'],
    [
      '| {} or {} | … `MCPLEX_SESSIONS__EVENTS_PER_STREAM`',
      'MCPLEX_SESSIONS__EVENTS_PER_STREAM',
      'MCPLEX_SESSIONS__BYTES_PER_STREAM',
    ],
    ['| {} | … `MCPLEX_SESSIONS__SLOW_READER`', 'MCPLEX_SESSIONS__SLOW_READER'],
    ['{} streams at once (`MCPLEX_LIMITS__MAX_STREAMS`)', 'MCPLEX_LIMITS__MAX_STREAMS'],
    ['{} (`MCPLEX_LIMITS__DRAIN`)', 'MCPLEX_LIMITS__DRAIN'],
    [
      '| {}, for {} | … (`upstream_closed`)',
      'upstreams/connection/unread-responses.ts mostBytes',
      'upstreams/connection/unread-responses.ts longestMs',
    ],
    [
      'SIGTERM follows after {}, SIGKILL {} later',
      'upstreams/stdio/running-child.ts termAfterMs',
      'upstreams/stdio/termination.ts killAfterMs',
    ],
    ['at the latest {} after the drain', 'cli/close-gateway.ts politeMs'],
    ['{} of headers, {} lines', 'transports/http/h1-server.ts maxHeaderBytes', 'transports/http/guard.ts maxHeaders'],
    ['{} lines of a kind in a second', 'cli/log-events.ts linesPerSecond'],
    ['Up to {} of lines', 'cli/output.ts maxHeldBytes'],
    ['`server/discover` waits {}', 'gateway/wait-for-start.ts discoverMs'],
    [
      'tries the program again, {} to {} apart',
      'upstreams/pooling/restart-backoff.ts firstPauseMs',
      'upstreams/pooling/restart-backoff.ts longestPauseMs',
    ],
  ]
  return rows.map(([phrase, ...values]) => ({ document: 'docs/operations.md', phrase, values }))
}

function clients() {
  const rows = [
    [
      '{} calls are in flight … {} messages',
      'MCPLEX_LIMITS__CALLS_PER_SESSION',
      'transports/stdio/stdio-server.ts maxMessages',
    ],
    ['always {}', 'cli/commands/connect/connect.ts maxCalls'],
    ['(an array of them for 2025-03-26), at most {};', 'MCPLEX_LIMITS__MAX_BODY'],
    ['({} at most)', 'MCPLEX_LIMITS__DRAIN'],
    ['mcplex waits {},', 'cli/commands/serve/serve-stdio.ts partingMs'],
  ]
  return rows.map(([phrase, ...values]) => ({ document: 'docs/clients.md', phrase, values }))
}
