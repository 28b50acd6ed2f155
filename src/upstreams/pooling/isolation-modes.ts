/**
 * Who shares processes: clients with sessions by the mode, clients without by `stateless` where each session has a
 * process of its own. Pure.
 */
import type { EraName } from '../../protocol/call.ts'
import type { Mode, Stateless, UpstreamSettings } from '../options.ts'

/** What the clients of each era get. */
export interface IsolationModes {
  /** Who shares a process among clients with sessions. */
  readonly sessions: Mode
  /** Who shares a process among clients without, or that they are refused. */
  readonly stateless: Mode | Stateless
}

/**
 * A server that speaks sessions at all may keep state of its one client, also when it speaks the stateless revision
 * besides. One client alone meets no other, so it is refused nothing, and both of its eras reach one process.
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
 * The mode by which clients without a session find their processes. In `session` mode they get the next narrower
 * thing that is known of them, their principal.
 */
export function statelessMode({ sessions, stateless }: IsolationModes): Mode {
  return stateless === 'call' || stateless === 'shared' ? stateless : sessions
}
