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
  /** In a full house, a session whose client said nothing for this time gives way to a newcomer, in milliseconds. */
  readonly evictIdleMs: number
  /** How long a question of a server waits for the answer of its client, in milliseconds. */
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
}

const day = 24 * 3_600_000

export const sessionOptions: OptionTable<SessionSettings> = {
  idleTimeoutMs: {
    path: 'limits.idleTimeout',
    kind: 'duration',
    flag: 'idle-timeout',
    env: 'MCP_IDLE_TIMEOUT',
    about:
      'A session without a message from its client and without a call in flight ends after this time. A client that holds an event stream open is sent a `ping` before, and its answer keeps the session; `30m!` ends it regardless.',
    default: 30 * 60_000,
    marked: 'idleTimeoutIsFinal',
    min: 1,
    max: 24 * day,
    why: 'People pause between two questions for minutes, seldom for half an hour; an ended session is begun anew by its client.',
  },
  idleTimeoutIsFinal: {
    path: 'limits.idleTimeoutIsFinal',
    kind: 'switch',
    about:
      'Ends idle sessions even if their clients answer a `ping`: what an exclamation mark behind `--idle-timeout` says.',
    default: false,
    why: 'Most clients never begin anew after their session has ended, so one that is there keeps it.',
  },
  maxSessionMs: {
    path: 'limits.maxSessionAge',
    kind: 'duration',
    flag: 'max-session',
    env: 'MCP_CONNECTION_TIMEOUT',
    about:
      'The longest life of a session, busy or not: its calls in flight are cancelled, its streams end, and its client gets 404. Many clients have to be restarted then, so set it longer than anybody works in one go.',
    default: 4 * 3_600_000,
    min: 1,
    max: 24 * day,
    why: 'Half a working day: long enough for one task, short enough that nothing forgotten lives until tomorrow.',
  },
  handshakeTimeoutMs: {
    kind: 'duration',
    about: 'A session that does not complete its handshake ends after this time.',
    default: 30_000,
    min: 1,
    max: day,
    why: 'The second message of the handshake follows the first within a round trip; 30 s forgives the worst network.',
  },
  evictIdleMs: {
    kind: 'duration',
    about:
      'When all places are taken, a session without calls whose client said nothing for this time gives way to a newcomer; one with an open stream is pinged first. One whose stream was cut does so after 5 s. A call that waits for the answers of its client gives its process to others after this time, when all are taken.',
    default: 60_000,
    min: 0,
    max: day,
    why: 'Who spoke within the last minute will likely speak again. Without newcomers nobody gives way before the idle timeout.',
  },
  answerTimeoutMs: {
    path: 'sessions.inputTimeout',
    kind: 'duration',
    about: 'How long a question of a server (elicitation, sampling, roots) waits for the answer of its client.',
    default: 10 * 60_000,
    min: 1,
    max: day,
    why: 'A person reads, thinks and looks something up; who takes longer has gone home, and the call holds a process meanwhile.',
  },
  eventsPerStream: {
    kind: 'count',
    about: 'Events kept of one stream for a client that resumes. Older ones are told as `events_expired`.',
    default: 1000,
    min: 1,
    max: 1_000_000,
    why: 'More than a chatty call sends during a minute without network.',
  },
  bytesPerStream: {
    kind: 'bytes',
    about: 'Bytes kept of one stream for a client that resumes, the size of its events.',
    default: 4 * 1024 ** 2,
    min: 1024,
    max: 1024 ** 3,
    why: 'Bounds what one client can make us remember; results are rarely above 1 MiB.',
  },
  retentionMs: {
    kind: 'duration',
    about: 'How long the events of a finished stream are kept.',
    default: 5 * 60_000,
    min: 0,
    max: day,
    why: 'A laptop that was closed for a moment comes back within minutes; memory is freed after that.',
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
    why: 'A live connection takes something within seconds; what holds longer only holds memory.',
  },
}
