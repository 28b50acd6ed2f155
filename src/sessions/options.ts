/** The settings of sessions and their event streams. */
import type { OptionTable } from '../base/option.ts'

export interface SessionSettings {
  /** A session without a message from its client and without a call in flight ends after this time, in milliseconds. */
  readonly idleTimeoutMs: number
  /** Whether it ends even if its client holds an event stream open and answers a ping on it. */
  readonly idleTimeoutIsFinal: boolean
  /** The longest life of a session, in milliseconds. */
  readonly maxSessionMs: number
  /** A session that does not complete its handshake ends after this time, in milliseconds. */
  readonly handshakeTimeoutMs: number
  /** At capacity, a session whose client sent nothing for this time can be evicted, in milliseconds. */
  readonly evictIdleMs: number
  /** How long an input request of a server waits for the client's answer, in milliseconds. */
  readonly answerTimeoutMs: number
  /** Events kept of one stream for a client that resumes. */
  readonly eventsPerStream: number
  /** Bytes kept of one stream for a client that resumes. */
  readonly bytesPerStream: number
  /** How long the events of a finished stream are kept, in milliseconds. */
  readonly retentionMs: number
  /** A comment is sent on an idle event stream after this time, in milliseconds. */
  readonly keepAliveMs: number
  /** A reader that takes nothing for this time is cut off, in milliseconds; its stream can be resumed. */
  readonly slowReaderMs: number
  /** The most that an in-process server keeps for one session, as JSON, in bytes. */
  readonly stateBytes: number
}

const day = 24 * 3_600_000

export const sessionOptions: OptionTable<SessionSettings> = {
  idleTimeoutMs: {
    path: 'limits.idleTimeout',
    aliases: ['idleTimeout'],
    kind: 'duration',
    flag: 'idle-timeout',
    env: 'MCP_IDLE_TIMEOUT',
    about:
      'A session without a message from its client and without a call in flight ends after this time. A client that holds an event stream open gets a `ping` before, and its answer keeps the session; `30m!` ends it all the same.',
    default: 30 * 60_000,
    marked: 'idleTimeoutIsFinal',
    min: 1,
    max: 24 * day,
    why: 'People pause between two questions for minutes, seldom for half an hour; after that the client opens a new session.',
  },
  idleTimeoutIsFinal: {
    path: 'limits.idleTimeoutIsFinal',
    kind: 'switch',
    about:
      'Ends idle sessions even if their clients answer a `ping`. An exclamation mark after the value of `--idle-timeout` sets it.',
    default: false,
    why: 'Most clients do not open a new session after theirs has ended, so a live client keeps its session.',
  },
  maxSessionMs: {
    path: 'limits.maxSessionAge',
    aliases: ['limits.connectionTimeout', 'connectionTimeout'],
    kind: 'duration',
    flag: 'max-session',
    env: 'MCP_CONNECTION_TIMEOUT',
    about:
      'The longest life of a session, busy or not: then its calls in flight are cancelled, its streams end, and its client gets 404. Many clients have to be restarted after that, so set it longer than people work without a break.',
    default: 4 * 3_600_000,
    min: 1,
    max: 24 * day,
    why: 'Half a working day: long enough for one task, short enough that a forgotten session ends the same day.',
  },
  handshakeTimeoutMs: {
    kind: 'duration',
    about: 'A session that does not complete its handshake ends after this time.',
    default: 30_000,
    min: 1,
    max: day,
    why: 'The second message of the handshake follows the first within a round trip; 30 s is enough for the slowest network.',
  },
  evictIdleMs: {
    kind: 'duration',
    about:
      'At capacity, a session without calls whose client sent nothing for this time is evicted for a new client. A client with an open stream is pinged first; one whose stream was cut is evicted after 5 s. When all processes are busy, a call that has waited this long for its client’s input gives up its process.',
    default: 60_000,
    min: 0,
    max: day,
    why: 'A client that was active within the last minute will likely be active again. Below capacity no session ends before the idle timeout.',
  },
  answerTimeoutMs: {
    path: 'sessions.inputTimeout',
    kind: 'duration',
    about: 'How long an input request of a server (elicitation, sampling, roots) waits for the answer of its client.',
    default: 10 * 60_000,
    min: 1,
    max: day,
    why: 'A person needs time to read, think and look something up; after ten minutes an answer is unlikely, and the call holds a worker meanwhile.',
  },
  eventsPerStream: {
    kind: 'count',
    about: 'Events kept of one stream for a client that resumes. Older ones are reported as `events_expired`.',
    default: 1000,
    min: 1,
    max: 1_000_000,
    why: 'More than a busy call sends during a minute without network.',
  },
  bytesPerStream: {
    kind: 'bytes',
    about: 'Bytes of events kept of one stream for a client that resumes.',
    default: 4 * 1024 ** 2,
    min: 1024,
    max: 1024 ** 3,
    why: 'Bounds the memory of one stream; results are rarely larger than 1 MiB.',
  },
  retentionMs: {
    kind: 'duration',
    about: 'How long the events of a finished stream are kept.',
    default: 5 * 60_000,
    min: 0,
    max: day,
    why: 'A laptop that was closed for a moment reconnects within minutes; after that the memory is freed.',
  },
  keepAliveMs: {
    kind: 'duration',
    about: 'A comment is sent on an event stream that was silent for this time.',
    default: 15_000,
    min: 100,
    max: 3_600_000,
    why: 'Proxies and load balancers commonly cut connections that are silent for 30 to 60 s.',
  },
  slowReaderMs: {
    kind: 'duration',
    about: 'A reader that takes nothing for this time is cut off. Its stream can be resumed.',
    default: 30_000,
    min: 100,
    max: 3_600_000,
    why: 'A live connection takes something within seconds; a slower one only holds memory.',
  },
  stateBytes: {
    kind: 'bytes',
    about: 'What an in-process server may keep for one session (`session.set` of `mcplex/tools`), as JSON.',
    default: 256 * 1024,
    min: 1024,
    max: 64 * 1024 ** 2,
    why: 'Room for a conversation, a cart or a page of results; what is larger belongs in a store of its own.',
  },
}
