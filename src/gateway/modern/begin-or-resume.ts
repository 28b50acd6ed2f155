/**
 * Finds the call of a request of a client without a session: begins a new one, or resumes the suspended call whose
 * answers the request brings. [2026-07-28 multi round-trip requests]
 */
import { Cancel } from '../../base/cancel.ts'
import type { MemoryAccount } from '../../base/memory-budget.ts'
import { Refusal } from '../../base/refusal.ts'
import type { Call, ClientKey, Principal, Reply } from '../../protocol/call.ts'
import { claimantOf } from '../../protocol/fairness.ts'
import type { Inbound } from '../../protocol/inbound.ts'
import { mayTakeRounds } from '../../protocol/input-required.ts'
import { editObject } from '../../protocol/json-text.ts'
import type { RequestMessage } from '../../protocol/jsonrpc.ts'
import type { Envelope } from '../../protocol/modern-server.ts'
import type { SuspendableCall } from '../interaction/suspendable-call.ts'
import type { SuspendedCalls } from '../interaction/suspended-calls.ts'
import type { Drain } from '../drain.ts'
import type { OpenedState, RequestStateCodec } from '../interaction/request-state.ts'

/** A stateless request that was admitted, with what its call needs. */
export interface AdmittedRequest {
  readonly request: RequestMessage
  readonly envelope: Envelope
  readonly principal: Principal
  readonly inbound: Inbound
  /** The state that it brings back from an earlier round. */
  readonly state: OpenedState | undefined
  /** Counts the request that resumes a call; a request that begins one is counted with the call. */
  readonly memory: MemoryAccount
}

/** What begins and resumes stateless calls. */
export interface BeginNeeds {
  /** The name of the endpoint. */
  readonly endpoint: string
  readonly suspended: Pick<SuspendedCalls, 'resume'>
  readonly drain: Pick<Drain, 'enter'>
  readonly runCall: (call: Call) => Reply
  /** A key for a client without a session, which is known only by its call. */
  readonly nextClientKey: () => ClientKey
}

/** Begins a new call, or resumes a suspended one. Throws a `Refusal`. */
export function beginOrResume(
  admitted: AdmittedRequest,
  needs: BeginNeeds,
): { readonly suspendable: SuspendableCall; readonly memory: MemoryAccount | undefined } {
  const { request, state, memory } = admitted
  if (state?.kind !== 'suspended') return { suspendable: beginCall(admitted, needs), memory: undefined }
  const suspendable = needs.suspended.resume(state.callId, state.round, request.params)
  suspendable.leaveDrain = needs.drain.enter(suspendable.call.cancel)
  return { suspendable, memory }
}

function beginCall(
  { request, envelope, principal, inbound, state, memory }: AdmittedRequest,
  needs: BeginNeeds,
): SuspendableCall {
  const again = state?.kind === 'again' ? { requestState: undefined, inputResponses: undefined } : undefined
  const edits = state?.kind === 'server' ? { requestState: state.state } : again
  const cancel = new Cancel()
  const call = {
    id: request.id,
    method: request.method,
    params: request.params && edits ? editObject(request.params, edits) : request.params,
    client: envelope.client,
    principal,
    session: undefined,
    fairnessKey: claimantOf(principal, inbound.connection),
    clientKey: state?.kind === 'again' ? state.client : needs.nextClientKey(),
    progressToken: envelope.progressToken,
    logLevel: envelope.logLevel,
    worker: state?.kind === 'server' ? state.worker : undefined,
    stage: { isAtWorker: false },
    memory,
    cancel,
  }
  const leaveDrain = needs.drain.enter(cancel)
  const reply = needs.runCall(call)
  const { endpoint } = needs
  return { call, endpoint, reply, next: undefined, inputRequests: undefined, callId: undefined, memory, leaveDrain }
}

/** The opened state from an earlier round, if the request has one. Throws `invalid_params` or `suspended_call_gone`. */
export function openState(
  request: RequestMessage,
  principal: Principal,
  codec: Pick<RequestStateCodec, 'open'>,
): OpenedState | undefined {
  const state = request.params?.value['requestState']
  if (!request.params || state === undefined || !mayTakeRounds(request.method)) return undefined
  if (typeof state !== 'string') throw new Refusal('invalid_params', { message: 'The requestState must be a string.' })
  return codec.open(state, principal, request.method, request.params.value)
}
