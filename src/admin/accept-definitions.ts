/** Accepts definitions of tools that an upstream holds back, for the door and for the files beside the runtime file. */
import type { Gateway } from '../gateway/gateway.ts'

export type AcceptingGateway = Pick<Gateway, 'acceptDefinitions' | 'upstreamStates'>

/** What was accepted, or why nothing was. */
export type AcceptResult =
  | { readonly accepted: number; readonly tools: readonly string[] }
  | { readonly fault: 'no upstream' }
  | { readonly fault: 'no definition' }
  /** Several hashes begin so: the first of them. */
  | { readonly fault: 'ambiguous'; readonly hashes: readonly string[] }

/** The most hashes that a request may have meant, which are told. */
const mostHashes = 20

/** @param hash the beginning of the hash of one definition; undefined for all that the upstream holds back */
export async function acceptDefinitions(
  gateway: AcceptingGateway,
  upstream: string,
  hash: string | undefined,
): Promise<AcceptResult> {
  const state = (await gateway.upstreamStates()).find(({ name }) => name === upstream)
  if (!state) return { fault: 'no upstream' }
  const found = hash === undefined ? [] : state.held.filter((one) => one.hash.startsWith(hash))
  const [only, ...others] = found
  if (hash !== undefined && !only) return { fault: 'no definition' }
  if (others.length > 0) return { fault: 'ambiguous', hashes: found.slice(0, mostHashes).map((one) => one.hash) }
  return gateway.acceptDefinitions(upstream, only && new Set([only.hash])) ?? { fault: 'no upstream' }
}
