/**
 * The call that a request of a client without a session is about: a new one, or one that waits for the answers that it
 * brings. What either keeps is counted before it begins. [2026-07-28 multi round-trip requests]
 */
import { Cancel } from '../../base/cancel.ts'
import { keep, type MemoryAccount } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Principal } from '../../protocol/call.ts'
import { heldBytesOf } from '../../protocol/held-bytes.ts'
import type { Inbound } from '../../protocol/inbound.ts'
import { mayTakeRounds } from '../../protocol/input-required.ts'
import { editObject } from '../../protocol/json-text.ts'
import type { RequestMessage } from '../../protocol/jsonrpc.ts'
import type { Envelope } from '../../protocol/modern-server.ts'
import { checkParams } from '../../protocol/params.ts'
import type { SuspendableCall } from '../interaction/suspendable-call.ts'
import type { GatewayServices } from '../services.ts'
import type { OpenedState } from '../interaction/request-state.ts'
import { callBytes, runCall } from '../calls/run-call.ts'

/** The call that a request is about, a new one or the one that waits for it; what counts the latter request. */
export function beginOrResume(
  request: RequestMessage,
  envelope: Envelope,
  inbound: Inbound,
  principal: Principal,
  services: GatewayServices,
): { readonly suspendable: SuspendableCall; readonly memory: MemoryAccount | undefined } {
  checkParams(request.method, request.params)
  const opened = openState(request, principal, services)
  const memory = services.clientMemory.account(inbound.connection)
  try {
    if (opened?.kind === 'suspended') {
      // Before its answers are taken: a client that has too much with us may come again.
      keep(memory, heldBytesOf(request.params))
      const suspendable = services.suspended.resume(opened.call, opened.round, request.params)
      suspendable.over = services.inflight.enter(suspendable.call.cancel)
      return { suspendable, memory }
    }
    return { suspendable: begun(request, opened, envelope, memory, inbound, principal, services), memory: undefined }
  } catch (error) {
    memory.close()
    throw error
  }
}

function begun(
  request: RequestMessage,
  opened: OpenedState | undefined,
  envelope: Envelope,
  memory: MemoryAccount,
  inbound: Inbound,
  principal: Principal,
  services: GatewayServices,
): SuspendableCall {
  // Whoever comes back for what was begun is still served.
  if (services.inflight.draining) throw new Refusal('draining')
  const again = opened?.kind === 'again' ? { requestState: undefined, inputResponses: undefined } : undefined
  const edits = opened?.kind === 'server' ? { requestState: opened.state } : again
  const cancel = new Cancel()
  keep(memory, callBytes + heldBytesOf(request.params))
  const call = {
    id: request.id,
    method: request.method,
    params: request.params && edits ? editObject(request.params, edits) : request.params,
    client: envelope.client,
    principal,
    session: undefined,
    fairnessKey: inbound.connection,
    clientKey: opened?.kind === 'again' ? opened.client : services.nextClientKey(),
    progressToken: envelope.progressToken,
    logLevel: envelope.logLevel,
    process: opened?.kind === 'server' ? opened.process : undefined,
    memory,
    cancel,
  }
  const over = services.inflight.enter(cancel)
  return { call, reply: runCall(call, services), next: undefined, questions: undefined, memory, over }
}

/** What the request brings back from an earlier round. Throws `invalid_params`. */
function openState(request: RequestMessage, principal: Principal, services: GatewayServices): OpenedState | undefined {
  const state = request.params?.value['requestState']
  if (!request.params || state === undefined || !mayTakeRounds(request.method)) return undefined
  if (typeof state !== 'string') throw new Refusal('invalid_params', { message: 'The requestState must be a string.' })
  return services.seal.open(state, principal, request.method, request.params.value)
}
