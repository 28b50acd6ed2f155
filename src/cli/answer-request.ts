/** What an instance answers to `mcplex upstreams`: the states of its upstreams, and what it has accepted. */
import type { JsonObject } from '../base/json.ts'
import type { SecretValues } from '../base/secret-values.ts'
import { terminalSafeLine } from '../base/terminal-safe.ts'
import { acceptDefinitions, type AcceptingGateway } from '../admin/accept-definitions.ts'
import type { UpstreamState } from '../gateway/gateway.ts'
import { type AnswerRequest, maxAnswerBytes } from './instance-requests.ts'

/** @param secretValues values that no answer shows */
export function requestAnswerer(gateway: AcceptingGateway, secretValues: SecretValues): AnswerRequest {
  return async (request) => {
    if (request.action === 'list') return withoutSecrets(listed(await gateway.upstreamStates()), secretValues)
    return { ...(await acceptDefinitions(gateway, request.upstream, request.hash)) }
  }
}

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
