/**
 * Upstreams whose place another one of the same name has taken. A call that takes several rounds goes on where it began:
 * what the server has put into its state means nothing to another one. Once the former upstream is closed, the next round
 * is refused. [2026-07-28 multi round-trip requests]
 */
import { Refusal } from '../base/refusal.ts'
import type { Call, Reply } from '../protocol/call.ts'
import type { Upstream } from '../upstreams/upstream.ts'

/** A former upstream, as later rounds need it. */
export interface FormerUpstream {
  /** The first part of the ids of its workers. */
  readonly instance: string
  /** Undefined once it is closed. */
  upstream: Pick<Upstream, 'call'> | undefined
}

/** More than are replaced while a person answers a question. */
export const maxFormer = 64

const replaced =
  'The server that this call began at was replaced meanwhile, and has ended. Make the call again without requestState and inputResponses. It may have run in part.'

/** Runs a later round where the call began, if that is one of the former upstreams; undefined if it is none of them. */
export function callAtFormer(call: Call, formers: readonly FormerUpstream[]): Reply | undefined {
  const { worker } = call
  const former = formers.find(({ instance }) => worker?.startsWith(`${instance}.`) === true)
  if (!former) return undefined
  return former.upstream ? former.upstream.call(call) : gone()
}

// oxlint-disable-next-line require-yield
async function* gone(): Reply {
  throw new Refusal('suspended_call_gone', { message: replaced })
}
