/**
 * Upstreams whose place another one of the same name has taken, or that were removed. A call that takes several rounds
 * goes on where it began: what the server has put into its state means nothing to another one. Once the former upstream
 * is closed, or its name is gone, the next round is refused. [2026-07-28 multi round-trip requests]
 */
import { Refusal } from '../base/refusal.ts'
import type { Call, Reply } from '../protocol/call.ts'
import { removedMeanwhile } from '../router/router.ts'
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

/** The first parts of the ids of workers of upstreams that were removed, the last one first. */
export class RemovedUpstreams {
  #instances: readonly string[] = []

  add(instance: string): void {
    this.#instances = [instance, ...this.#instances].slice(0, maxFormer)
  }

  /**
   * The refusal of a later round that began at one of them; undefined if it did not.
   * @param own the instance that is called: it runs its own calls until the last one is over
   */
  callAt({ worker }: Call, own: string | undefined): Reply | undefined {
    if (worker === undefined) return undefined
    const isElsewhere = this.#instances.some((one) => one !== own && isOf(worker, one))
    return isElsewhere ? gone(removedMeanwhile) : undefined
  }
}

const replaced =
  'The server that this call began at was replaced meanwhile, and has ended. Make the call again without requestState and inputResponses. It may have run in part.'

/** Runs a later round where the call began, if that is one of the former upstreams; undefined if it is none of them. */
export function callAtFormer(call: Call, formers: readonly FormerUpstream[]): Reply | undefined {
  const { worker } = call
  const former = formers.find(({ instance }) => worker !== undefined && isOf(worker, instance))
  if (!former) return undefined
  return former.upstream ? former.upstream.call(call) : gone(replaced)
}

function isOf(worker: string, instance: string): boolean {
  return worker.startsWith(`${instance}.`)
}

// oxlint-disable-next-line require-yield
async function* gone(message: string): Reply {
  throw new Refusal('suspended_call_gone', { message })
}
