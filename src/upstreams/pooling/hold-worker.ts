/** Reserves a worker for calls that belong together: a task and the requests about it. */
import { createLease, type Lease } from '../../base/lease.ts'
import type { Call } from '../../protocol/call.ts'
import type { UpstreamConnection } from '../connection/connection.ts'
import { endWithCall } from './end-with-call.ts'
import type { IsolationGroup } from './isolation-group.ts'

/** Reserves a worker until the lease is released. */
export function holdWorker(
  group: IsolationGroup,
  connection: UpstreamConnection,
  call: Call,
  released: () => void,
): Lease {
  connection.reserve()
  const over = connection.workFor(call.clientKey)
  return createLease(() => {
    connection.unreserve()
    over()
    endWithCall(group, connection, call, undefined)
    released()
  })
}
