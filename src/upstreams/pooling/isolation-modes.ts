/**
 * Which clients share workers: clients with sessions by `mode`, and clients without by `stateless` where each session
 * has a worker of its own. Pure.
 */
import type { EraName } from '../../protocol/call.ts'
import type { Mode, Stateless, UpstreamSettings } from '../options.ts'

/** The modes for the clients of each era. */
export interface IsolationModes {
  /** For clients with sessions. */
  readonly sessions: Mode
  /** For clients without sessions, who may also be refused. */
  readonly stateless: Mode | Stateless
}

/**
 * A server that knows sessions may keep state of its one client, even if it also speaks the stateless revision. A single
 * client has no other client to be isolated from: it is not refused, and both of its eras use one worker.
 * @param eras those that the server speaks
 */
export function isolationModesOf(
  { mode, stateless }: Pick<UpstreamSettings, 'mode' | 'stateless'>,
  eras: readonly EraName[],
  hasOneClient: boolean,
): IsolationModes {
  const sessions = mode ?? (eras.includes('legacy') ? 'session' : 'shared')
  return { sessions, stateless: sessions !== 'session' || hasOneClient ? sessions : stateless }
}

/**
 * The mode for clients without sessions, for `isolationGroupKey`: in mode `session` that groups them by principal.
 */
export function statelessMode({ sessions, stateless }: IsolationModes): Mode {
  return stateless === 'call' || stateless === 'shared' ? stateless : sessions
}
