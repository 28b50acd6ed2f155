/** The settings of the gates: how much at once. */
import type { OptionTable } from '../base/option.ts'

export interface GateSettings {
  /** Clients at once: sessions, and exchanges in flight of clients without a session. */
  readonly maxConnections: number
  /** How many may wait in one line (for a place as a client, or for a process). */
  readonly queue: number
  /** Longest wait in a line, in milliseconds. */
  readonly queueWaitMs: number
  /** Calls in flight of one session. */
  readonly callsPerSession: number
}

export const gateOptions: OptionTable<GateSettings> = {
  maxConnections: {
    kind: 'count',
    flag: 'max-connections',
    env: 'MCP_MAX_CONNECTIONS',
    about:
      'Clients at once: sessions, and exchanges in flight of clients without a session. Further ones wait in line.',
    default: 1000,
    min: 1,
    max: 1_000_000,
    why: 'A session costs no process until it calls and a few kilobytes while idle; 1,000 clients fit any machine that can run a few servers.',
  },
  queue: {
    kind: 'count',
    flag: 'queue',
    about: 'How many may wait in one line, for a place as a client or for a process. The next one is refused at once.',
    default: 500,
    min: 0,
    max: 1_000_000,
    why: 'Half of the clients may burst at once; a longer line only turns refusals into time-outs.',
  },
  queueWaitMs: {
    kind: 'duration',
    flag: 'queue-wait',
    about: 'Longest wait in a line, then the refusal `overloaded` with Retry-After.',
    default: 10_000,
    min: 0,
    max: 600_000,
    why: 'Clients give a request about 60 s; a wait of 10 s leaves the call itself the greater part.',
  },
  callsPerSession: {
    kind: 'count',
    about: 'Calls in flight of one session. The next one is refused with `too_many_calls`.',
    default: 64,
    min: 1,
    max: 100_000,
    why: 'Agents run a handful of calls in parallel; 64 leaves room and keeps one client from filling a process.',
  },
}
