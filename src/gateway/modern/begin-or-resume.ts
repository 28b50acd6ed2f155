/**
 * Finds the call of a request of a client without a session: begins a new one, or resumes the suspended call whose
 * answers the request brings. Memory is counted before either begins. [2026-07-28 multi round-trip requests]
 */
import { Cancel } from '../../base/cancel.ts'
import { reserve, type MemoryAccount } from '../../base/memory-budget.ts'
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

/**
 * Begins a new call, or resumes a suspended one. `memory` counts the request that resumes; a request that begins a call
 * is counted with the call. Throws a `Refusal`.
 */
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
      // Before its answers are taken, so that a client refused for memory can send them again.
      reserve(memory, heldBytesOf(request.params))
      const suspendable = services.suspended.resume(opened.callId, opened.round, request.params)
      suspendable.over = services.drain.enter(suspendable.call.cancel)
      return { suspendable, memory }
    }
    return {
      suspendable: beginCall(request, opened, envelope, memory, inbound, principal, services),
      memory: undefined,
    }
  } catch (error) {
    memory.close()
    throw error
  }
}

function beginCall(
  request: RequestMessage,
  opened: OpenedState | undefined,
  envelope: Envelope,
  memory: MemoryAccount,
  inbound: Inbound,
  principal: Principal,
  services: GatewayServices,
): SuspendableCall {
  // Only new calls are refused: a suspended call is still resumed during a drain.
  if (services.drain.draining) throw new Refusal('draining')
  const again = opened?.kind === 'again' ? { requestState: undefined, inputResponses: undefined } : undefined
  const edits = opened?.kind === 'server' ? { requestState: opened.state } : again
  const cancel = new Cancel()
  reserve(memory, callBytes + heldBytesOf(request.params))
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
    worker: opened?.kind === 'server' ? opened.worker : undefined,
    memory,
    cancel,
  }
  const over = services.drain.enter(cancel)
  const reply = runCall(call, services)
  return { call, reply, next: undefined, inputRequests: undefined, suspendedAs: undefined, memory, over }
}

/** The opened state from an earlier round, if the request has one. Throws `invalid_params` or `suspended_call_gone`. */
function openState(request: RequestMessage, principal: Principal, services: GatewayServices): OpenedState | undefined {
  const state = request.params?.value['requestState']
  if (!request.params || state === undefined || !mayTakeRounds(request.method)) return undefined
  if (typeof state !== 'string') throw new Refusal('invalid_params', { message: 'The requestState must be a string.' })
  return services.requestState.open(state, principal, request.method, request.params.value)
}
