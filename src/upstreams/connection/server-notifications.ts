/**
 * Notifications of a server: progress and log messages go to the call that they belong to, a cancellation withdraws an
 * input request, and the rest goes to the subscribers of the worker's group.
 */
import type { Clock } from '../../base/clock.ts'
import type { DroppedThing } from '../../base/events.ts'
import { Refusal } from '../../base/refusal.ts'
import type { EraName, Notification, Update } from '../../protocol/call.ts'
import { memberText, type RawObject } from '../../protocol/json-text.ts'
import { wantsLog } from '../../protocol/log-level.ts'
import type { Attributor } from './attribution.ts'
import type { FlowControl } from './flow-control.ts'
import { PendingCall } from './pending-call.ts'
import type { PendingCalls } from './pending-calls.ts'

export interface ServerNotificationsNeeds {
  readonly pendingCalls: PendingCalls
  readonly attributor: Attributor
  readonly flowControl: FlowControl
  readonly clock: Clock
  readonly callIdleMs: number
  /** The era of the connection. */
  era(): EraName
  /** A message outside of calls; false if there was no recipient. */
  unsolicited(update: Update): boolean
  /** The server has cancelled an input request. @param requestId as JSON */
  withdraw(requestId: string): void
  /** A notification without a recipient was dropped. */
  drop(what: DroppedThing): void
}

export class ServerNotifications {
  readonly #needs: ServerNotificationsNeeds

  constructor(needs: ServerNotificationsNeeds) {
    this.#needs = needs
  }

  take(method: string, params: RawObject | undefined): void {
    if (method === 'notifications/progress') return this.#progress(params)
    if (method === 'notifications/message') return this.#log({ kind: 'notification', method, params })
    if (method === 'notifications/cancelled') {
      const id = params && memberText(params.text, 'requestId')
      if (id !== undefined) this.#needs.withdraw(id)
      return
    }
    if (!this.#needs.unsolicited({ kind: 'notification', method, params })) this.#needs.drop('notification')
  }

  #progress(params: RawObject | undefined): void {
    const { pendingCalls, clock, callIdleMs } = this.#needs
    const pending = pendingCalls.get(Number(params?.value['progressToken']))
    // Progress that does not rise is not forwarded, but still shows that the worker is busy.
    if (pending) pending.idleAtMs = clock.now() + callIdleMs
    const own = params && pending?.ownProgress(params)
    if (pending && own) this.#offer(pending, { kind: 'notification', method: 'notifications/progress', params: own })
    else this.#needs.drop('progress')
  }

  #log(update: Notification): void {
    const target = this.#needs.attributor.find('log', this.#needs.era())
    if (target instanceof PendingCall) {
      if (wantsLog(target.call, update.params)) this.#offer(target, update)
    } else if (target === undefined || !this.#needs.unsolicited(update)) this.#needs.drop('log')
  }

  #offer(pending: PendingCall, update: Update): void {
    const { clock, callIdleMs, flowControl } = this.#needs
    pending.idleAtMs = clock.now() + callIdleMs
    if (!pending.offer(update)) pending.fail(new Refusal('result_too_large'))
    else if (pending.isFull && pending.mayHold) flowControl.hold(pending)
  }
}
