/** The settings that every kind of upstream has: which clients share its workers, how many there are, and time limits. */
import { type ControlSettings, controlOptions } from './control/options.ts'
import type { JsonObject } from '../base/json.ts'
import type { OptionTable } from '../base/option.ts'
import type { ModuleSettings } from './module/options.ts'
import type { StdioSettings } from './stdio/options.ts'

/** Which clients share a worker: those of one session, principal or tenant, all, or none (`call`: one call per worker). */
export type Mode = 'session' | 'principal' | 'tenant' | 'shared' | 'call'

/** What clients without a session get where each session has a worker of its own. */
export type Stateless = 'refuse' | 'principal' | 'call' | 'shared'

/** The era or the revision that a server is spoken to in; `auto` finds out. */
export type Protocol =
  'auto' | 'legacy' | 'modern' | '2026-07-28' | '2025-11-25' | '2025-06-18' | '2025-03-26' | '2024-11-05'

export interface UpstreamSettings extends ControlSettings {
  /** Undefined: `session` for servers of the session-based era, `shared` for stateless ones. */
  readonly mode: Mode | undefined
  /** Applies where the mode is `session`. */
  readonly stateless: Stateless
  readonly protocol: Protocol
  /** The most workers. */
  readonly pool: number
  /** How many workers are kept started, whether calls need them or not. */
  readonly poolMin: number
  /** How many more workers than `pool` calls may get that have waited for long. */
  readonly poolReserve: number
  /** How long a call has waited when it may get one of these, in milliseconds. */
  readonly reserveAfterMs: number
  /** Calls in flight on one shared worker before another is started or calls wait. */
  readonly callsPerProcess: number
  /** After how many calls a worker is replaced; 0: never. */
  readonly recycleCalls: number
  /** At about what age a worker is replaced, in milliseconds; 0: never. */
  readonly recycleAgeMs: number
  /** Workers started in advance, so that a first call does not wait for a cold start. */
  readonly spares: number
  /** Longest time from start to the answer of the handshake, in milliseconds. */
  readonly startTimeoutMs: number
  /** A call without an answer or progress for this time is ended, in milliseconds. */
  readonly callIdleMs: number
  /** A call without an answer for this time is ended, in milliseconds, progress or not. */
  readonly callTotalMs: number
  /** A worker that is silent for this time with calls in flight gets a ping, in milliseconds. */
  readonly pingAfterMs: number
  /** A worker without calls for this time is ended, in milliseconds. */
  readonly processIdleMs: number
  /** When the pool is full, a worker of another group may be ended for a waiting call once idle for this long, in milliseconds. */
  readonly evictIdleMs: number
  /** How long a list is shown before the server is asked for it again, in milliseconds. */
  readonly listAgeMs: number
  /** What becomes of a tool whose definition has changed. */
  readonly onChange: 'allow' | 'alert' | 'hold'
  /** Arguments that each call of a tool gets that has them, in place of what clients say; undefined: none. */
  readonly boundArgs: JsonObject | undefined
  /** The longest line accepted from a child, in bytes: the limit of a result. */
  readonly maxLineBytes: number
}

/** An upstream of each kind: what all kinds have, and what that kind needs to reach its server. */
export type UpstreamSetup = UpstreamSettings &
  (({ readonly kind: 'stdio' } & StdioSettings) | ({ readonly kind: 'module' } & ModuleSettings))

const mebibyte = 1024 ** 2

/** The memory to expect for one process: MCP servers on the official SDK take 47 to 49 MiB of their own at rest. */
const processBytes = 64 * mebibyte

/**
 * How many processes an upstream may have: three quarters of the memory at 64 MiB each, at most 256, divided by the number
 * of upstreams; at least 4.
 * @param memoryBytes the memory that this process may use, within the limit of its container
 * @param upstreams how many upstreams there are
 */
export function autoPool(memoryBytes: number, upstreams: number): number {
  const all = Math.min(256, Math.floor((0.75 * memoryBytes) / processBytes))
  return Math.max(4, Math.floor(all / Math.max(1, upstreams)))
}

/** How many processes an upstream starts ahead. @param upstreams how many upstreams there are */
export function autoSpares(upstreams: number): number {
  return upstreams > 1 ? 1 : 2
}

/**
 * Whether the settings alone leave it open that clients without sessions are refused: each session has a worker of its own
 * then, unless the server turns out to speak only the stateless revision. `protocol` can say that it does.
 */
export function mayRefuseStateless({
  mode = 'session',
  stateless,
  protocol,
}: Pick<UpstreamSettings, 'mode' | 'stateless' | 'protocol'>): boolean {
  return mode === 'session' && stateless === 'refuse' && protocol !== 'modern' && protocol !== '2026-07-28'
}

export const upstreamOptions: OptionTable<UpstreamSettings> = {
  ...controlOptions,
  mode: {
    kind: 'choice',
    flag: 'mode',
    about:
      'Which clients share a process: those of one session, principal or tenant, all (shared), or none: one call at a time on each process (call).',
    choices: ['session', 'principal', 'tenant', 'shared', 'call'],
    default: { derived: 'session for servers of the session-based revisions, shared for stateless servers' },
    why: 'Servers of the session-based revisions may keep state of their one client; stateless servers have declared that they do not.',
  },
  stateless: {
    kind: 'choice',
    flag: 'stateless',
    about:
      'In mode session: what clients of the stateless revision get. They are refused and told to connect with initialize, or share a process by principal, by call, or all of them (shared).',
    choices: ['refuse', 'principal', 'call', 'shared'],
    default: 'refuse',
    why: 'Nothing in a stateless request says which client it is of, so clients would meet in one process. Clients that speak both eras fall back to sessions, and get a process each, as they do when they start the server themselves.',
  },
  protocol: {
    kind: 'choice',
    flag: 'protocol',
    about:
      'The era (`legacy` with sessions, `modern` without) or the revision that the server is spoken to in. `auto` asks the server with `server/discover` and `initialize`.',
    choices: ['auto', 'legacy', 'modern', '2026-07-28', '2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05'],
    default: 'auto',
    why: 'Nearly every server can be asked. One that ends, hangs or lies when it is asked for what it does not know needs a word; it also starts a little sooner with one.',
  },
  pool: {
    path: 'limits.poolSize',
    member: 'pool.max',
    aliases: ['poolSize'],
    kind: 'count',
    flag: 'pool',
    env: 'MCP_CONNECTION_POOL_SIZE',
    word: 'auto',
    about:
      'Processes of each server at most, whatever they are for; of a module, its server objects. When all are busy, calls wait in line.',
    default: {
      derived:
        'auto: three quarters of the memory at 64 MiB a process, at most 256, divided by the number of servers; at least 4. For a module 10,000',
    },
    min: 1,
    max: 10_000,
    why: 'A server on the official SDK takes 47 to 49 MiB of its own at rest; 64 MiB leaves room for work, and a quarter of the memory is left to everything else. Heavier servers (a browser) need a number. A server object of a module takes some 40 KiB.',
  },
  poolMin: {
    path: 'upstream.pool.min',
    kind: 'count',
    about:
      'Processes that are kept started, needed or not, within the size of the pool: where all clients share processes, these serve them; else they wait as spares.',
    default: 0,
    min: 0,
    max: 10_000,
    why: 'Spares hide a cold start. More than that is for servers that take long to start, or for load that comes all at once.',
  },
  poolReserve: {
    path: 'upstream.pool.reserve',
    kind: 'count',
    about:
      'Processes beyond the size of the pool for calls that have waited for `pool.reserveAfter`; they end once they are no longer needed.',
    default: 0,
    min: 0,
    max: 10_000,
    why: 'The size of the pool is chosen for the memory. A reserve is for those who would rather use more of it for a while than refuse calls.',
  },
  reserveAfterMs: {
    path: 'upstream.pool.reserveAfter',
    kind: 'duration',
    about: 'How long a call has waited when it may get a process of the reserve.',
    default: 5000,
    min: 0,
    max: 600_000,
    why: 'Half of the longest wait: most waits are over before, and the process has started before the call would be refused.',
  },
  callsPerProcess: {
    path: 'upstream.pool.concurrency',
    kind: 'count',
    about: 'Calls in flight on one shared process before another is started or calls wait.',
    default: 1024,
    min: 1,
    max: 1_000_000,
    why: 'Many calls on one pipe cost five to fifteen times less than one call each on many pipes, so a process is filled first.',
  },
  spares: {
    path: 'upstream.pool.spares',
    kind: 'count',
    about: 'Processes started ahead, so that a first call does not wait for a cold start.',
    default: { derived: '2, or 1 for each of several servers' },
    min: 0,
    max: 1000,
    why: 'A start takes about 0.2 s of one core; two spares hide it for clients that come one after the other. With several servers, the memory of the spares adds up.',
  },
  recycleCalls: {
    path: 'upstream.pool.recycle.calls',
    kind: 'count',
    about:
      'A process that has got this many calls gets no further one and is replaced when they are over; 0: never. What it keeps for its clients is lost, as when it crashes.',
    default: 0,
    min: 0,
    max: 1_000_000_000,
    why: 'Only for a server that leaks with each call: most do not, and a new process costs a start and the state of the old one.',
  },
  recycleAgeMs: {
    path: 'upstream.pool.recycle.age',
    kind: 'duration',
    about:
      'A process of about this age (up to a tenth more or less, so that not all are replaced at once) gets no further call and is replaced when its calls are over; 0: never. What it keeps for its clients is lost, as when it crashes.',
    default: 0,
    min: 0,
    max: 365 * 24 * 3_600_000,
    why: 'Only for a server that gets slower or bigger with time.',
  },
  startTimeoutMs: {
    kind: 'duration',
    about: 'Longest time from the start of a process to the answer of its handshake.',
    default: 60_000,
    min: 1,
    max: 3_600_000,
    why: '`npx` may have to download the server first; without a download a start takes well below a second.',
  },
  callIdleMs: {
    kind: 'duration',
    about: 'A call without an answer or progress for this time is ended with `upstream_timeout`.',
    default: 10 * 60_000,
    min: 1,
    max: 24 * 3_600_000,
    why: 'Clients in the field wait ten minutes to an hour, and many servers work for minutes without progress. A client that waits less cancels the call itself.',
  },
  callTotalMs: {
    kind: 'duration',
    about: 'A call without an answer for this time is ended with `upstream_timeout`, progress or not.',
    default: 3_600_000,
    min: 1,
    max: 24 * 3_600_000,
    why: 'The longest that clients in the field wait. Bounds what a server that reports progress for ever can hold.',
  },
  pingAfterMs: {
    kind: 'duration',
    about:
      'A process with calls in flight that says nothing for this long is sent a ping. Without an answer it gets no new calls until it says something; the calls that it has go on.',
    default: 30_000,
    min: 1,
    max: 24 * 3_600_000,
    why: 'A tool that computes without a pause answers no ping, so nothing is ended; new calls need not wait behind it.',
  },
  processIdleMs: {
    path: 'upstream.pool.idle',
    kind: 'duration',
    about: 'A process without calls for this time is ended.',
    default: { derived: 'the idle timeout of sessions' },
    min: 1,
    max: 24 * 24 * 3_600_000,
    why: 'The state that a server keeps for a session then lives as long as an idle session does.',
  },
  evictIdleMs: {
    path: 'upstream.pool.evictIdle',
    kind: 'duration',
    about:
      'When the pool is full, a process of another client may be ended for a waiting call once it was idle for this long.',
    default: 60_000,
    min: 0,
    max: 24 * 3_600_000,
    why: 'A client that called within the last minute will likely call again and needs the state of its process.',
  },
  listAgeMs: {
    kind: 'duration',
    about:
      'How long a list of tools, prompts or resources is shown before the server is asked for it again, in the background, even if it announces changes.',
    default: 5 * 60_000,
    min: 1000,
    max: 24 * 3_600_000,
    why: 'Some servers change their lists and do not say so. A list costs the server little; clients are told how long theirs is good for.',
  },
  onChange: {
    kind: 'choice',
    about:
      'What becomes of a tool that the server defines anew, or adds: it is shown (`allow`), shown with a warning in the log and a figure in /health (`alert`), or held back until `mcplex upstreams accept` (`hold`). Each change is logged, with what is different.',
    choices: ['allow', 'alert', 'hold'],
    default: 'allow',
    why: 'Most changes are updates, and servers that add tools as they work are common. A model obeys what a description says, so choose `alert` or `hold` for a server that you do not trust to change it.',
  },
  boundArgs: {
    kind: 'given',
    about:
      'Arguments of its tools, by name, that you decide: a tool that has one gets this value in each call, and clients neither see it in the schema nor can give another. In a file also `args`, as a mapping.',
    default: { derived: 'none' },
    why: 'What a client may choose is up to you: an organisation, a folder, an account.',
  },
  maxLineBytes: {
    kind: 'bytes',
    about: 'Longest line taken from a server: the limit of a result. Beyond it the call ends with `result_too_large`.',
    default: 16 * mebibyte,
    min: 1024,
    max: 512 * mebibyte,
    why: 'Far above what a model can read, and far below what can hurt this process.',
  },
}
