/**
 * When a process that was started to learn can serve clients: if what it was told is word for word what a process of
 * theirs is told. It has worked for no client, so there is nothing in it that they must not meet.
 */
import { rawObject } from '../../protocol/json-text.ts'
import { initializeParams } from '../../protocol/legacy-client.ts'
import { ownInfo } from '../connection/connector.ts'
import type { Learnt } from './catalog-workers.ts'
import { ownDescription } from '../connection/own-requests.ts'
import type { IsolationGroup } from './isolation-group.ts'

/** Whether a process that was started to learn this has been greeted as one of the unit is. */
export function isGreetedFor({ caller, announced, codec }: IsolationGroup, learnt: Learnt): boolean {
  if (codec.era !== learnt.serverEra.codec.era) return false
  // A stateless request says itself which client it is of.
  if (codec.era === 'modern') return true
  const own = initializeParams(ownDescription(learnt.serverEra, learnt.announced), rawObject(learnt.announced), ownInfo)
  return own.text === initializeParams(caller.client, rawObject(announced), ownInfo).text
}
