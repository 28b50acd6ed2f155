/** Reserves a worker for calls that belong together: a task and the requests about it. */
import { createLease, type Lease } from '../../base/lease.ts'
import type { Call } from '../../protocol/call.ts'
import type { Worker } from '../worker.ts'
import { endWithCall } from './end-with-call.ts'
import type { IsolationGroup } from './isolation-group.ts'

/** Reserves a worker until the lease is released. */
export function reserveWorker(group: IsolationGroup, worker: Worker, call: Call, released: () => void): Lease {
  worker.reserve()
  const over = worker.workFor(call.clientKey)
  return createLease(() => {
    worker.unreserve()
    over()
    endWithCall(group, worker, call, undefined)
    released()
  })
}
