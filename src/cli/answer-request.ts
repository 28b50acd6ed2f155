/** What an instance answers to `mcplex upstreams`: the states of its upstreams, and what it has accepted. */
import type { JsonObject } from '../base/json.ts'
import type { SecretValues } from '../base/secret-values.ts'
import { terminalSafeLine } from '../base/terminal-safe.ts'
import type { Gateway, UpstreamState } from '../gateway/gateway.ts'
import { type AnswerRequest, maxAnswerBytes } from './instance-requests.ts'

type Asked = Pick<Gateway, 'acceptDefinitions' | 'upstreamStates'>

/** @param secretValues values that no answer shows */
export function requestAnswerer(gateway: Asked, secretValues: SecretValues): AnswerRequest {
  return async (request) => {
    const states = await gateway.upstreamStates()
    if (request.action === 'list') return withoutSecrets(listed(states), secretValues)
    const state = states.find(({ name }) => name === request.upstream)
    if (!state) return { fault: 'no upstream' }
    const { hash } = request
    if (hash === undefined) return { ...gateway.acceptDefinitions(request.upstream) }
    const found = state.held.filter((one) => one.hash.startsWith(hash))
    const [only, ...others] = found
    if (!only) return { fault: 'no definition' }
    if (others.length > 0) return { fault: 'ambiguous', hashes: found.slice(0, mostHashes).map((one) => one.hash) }
    return { ...gateway.acceptDefinitions(request.upstream, new Set([only.hash])) }
  }
}

/** The most hashes that a request may have meant, which are told. */
const mostHashes = 20

/** The most upstreams of a list, and the longest reason of one. */
const mostUpstreams = 250
const maxReasonChars = 200

/** The states, as far as there is room: what differs is left out first, then whole definitions, which are counted. */
function listed(all: readonly UpstreamState[]): JsonObject {
  const states = all.slice(0, mostUpstreams).map(({ reason, counts: _figures, ...state }) => {
    return { ...state, ...(reason !== undefined && { reason: terminalSafeLine(reason, maxReasonChars) }) }
  })
  const bare = states.map(({ held: _held, ...rest }) => rest)
  let room = maxAnswerBytes - bytesOf(bare) - states.length * bytesOf({ held: [], more: states.length })
  const takes = (one: object): boolean => {
    const bytes = bytesOf(one) + 1
    if (bytes > room) return false
    room -= bytes
    return true
  }
  const upstreams = states.map(({ held, ...rest }) => {
    const shown = held.flatMap((one) => {
      if (takes(one)) return [one]
      const short = { ...one, differs: [] }
      return takes(short) ? [short] : []
    })
    return { ...rest, held: shown, more: held.length - shown.length }
  })
  return { upstreams: JSON.parse(JSON.stringify(upstreams)), omitted: all.length - states.length }
}

function withoutSecrets(answer: JsonObject, secretValues: SecretValues): JsonObject {
  return JSON.parse(secretValues.maskJson(JSON.stringify(answer), new Set()))
}

function bytesOf(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}
