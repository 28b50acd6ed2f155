/**
 * Every reason to refuse a request that is known before it runs, in one order for both eras and all transports: two
 * lists, passed one after the other once the caller and the endpoint are known. A transport itself refuses only what is no request to the endpoint: broken framing,
 * foreign hosts and origins, unknown paths. A call that runs may still be refused by the pool, call memory and connection.
 *
 * Each gate throws its refusal, or adds what it finds to the request; a gate that does not concern a request lets it
 * pass. Cheap gates come before costly ones, and what a gate takes is given back if a later one refuses. To add a gate,
 * write its function and one line of a list.
 */
import type { GatedRequest } from './gated-request.ts'
import {
  checkHandshake,
  checkParamHeaders,
  checkRequestParams,
  limitCalls,
  limitRate,
  type MessageGateNeeds,
  openRequestState,
  readMetadata,
  refuseNewWork,
  refuseUnderLoad,
  refuseUnservedEra,
  takeMemory,
  takePlace,
} from './message-gates.ts'
import {
  authenticateCaller,
  type CallerGateNeeds,
  checkEndpoint,
  checkScopes,
  findEndpoint,
  findSession,
  parseBody,
  type RequestGateNeeds,
  requireSessionId,
  waitForStart,
} from './request-gates.ts'

export type AdmitNeeds = RequestGateNeeds & MessageGateNeeds

/** Returns a promise only if it has to wait. */
type Gate<Needs> = (request: GatedRequest, needs: Needs) => Promise<void> | void

/** What a request is, and whose: for each request once. */
const requestGates: ReadonlyArray<Gate<RequestGateNeeds>> = [
  checkEndpoint, // The head alone shows whether there is such a request here.
  parseBody, // Its size is bounded, and it is a message: all that follows depends on what it says.
  checkScopes, // Before anything is looked up or waited for, and so before any stream opens: it needs the method alone.
  requireSessionId, // Only whether it is there: no look-up yet.
  waitForStart, // What is wrong in itself needs no server; all else waits until it has started.
  findSession, // A session is found only for its own principal.
]

/** Whether what it asks for may run: for each request, and over HTTP+SSE for each message. */
const messageGates: ReadonlyArray<Gate<MessageGateNeeds>> = [
  refuseUnservedEra, // A client that cannot be served in its era needs no advice on how to write its request.
  checkHandshake, // A session is opened once, and before anything else happens on it.
  readMetadata, // A stateless request describes its client, and its headers repeat its body.
  openRequestState, // It shows whether the request begins a call or continues one, which the next gate must know.
  refuseNewWork, // While mcplex drains; what has begun may be finished.
  refuseUnderLoad, // While features are switched off; sessions and calls that there are stay well.
  limitRate, // Attempts count, also those that a later gate refuses: neither a place nor memory is held for them yet.
  limitCalls, // Costs nothing: a session knows how many calls it has in flight.
  checkRequestParams, // A client's mistake must neither wait in a line nor reach the server.
  checkParamHeaders, // After the params: it may have to fetch the list of tools.
  takePlace, // Waits while mcplex is at capacity, so it comes after all that can be decided at once.
  takeMemory, // Last: bytes that are kept for a request that waits would be missing for others.
]

const allGates: ReadonlyArray<Gate<AdmitNeeds>> = [...requestGates, ...messageGates]

/**
 * Admits a request; afterwards it holds what it needs to run. Resolves with its endpoint. Rejects with the first `Refusal`;
 * then it holds nothing.
 */
export async function admit<Endpoint extends { readonly admitNeeds: AdmitNeeds }>(
  request: GatedRequest,
  needs: CallerGateNeeds<Endpoint>,
): Promise<Endpoint> {
  // First: nothing is read, looked up or kept for a caller who is not known.
  const authenticating = authenticateCaller(request, needs)
  if (authenticating) await authenticating
  // All further gates are those of one endpoint.
  const endpoint = findEndpoint(request, needs)
  await pass(request, allGates, endpoint.admitNeeds)
  return endpoint
}

/** Admits one message of an admitted POST of HTTP+SSE, in the same order. Rejects as `admit` does. */
export function admitMessage(request: GatedRequest, needs: MessageGateNeeds): Promise<void> {
  return pass(request, messageGates, needs)
}

async function pass<Needs>(request: GatedRequest, gates: ReadonlyArray<Gate<Needs>>, needs: Needs): Promise<void> {
  try {
    for (const gate of gates) {
      const passing = gate(request, needs)
      // No await for what is decided at once: every request comes through here.
      if (passing) await passing
    }
  } catch (error) {
    request.release()
    throw error
  }
}
