/**
 * A wire to the endpoint of several servers, for a client that knows the names of one of them: names and URIs are
 * changed on the way out and back, and what is of the other servers is left out.
 */
import type { JsonMap, RpcMessage } from '../../support/rpc.ts'
import type { OnMessage, Wire } from './transport.ts'

const named = new Set(['tools/call', 'prompts/get'])
const listed = ['tools', 'prompts', 'resources', 'resourceTemplates']

/** @param open opens the wire to the endpoint */
export function renamed(one: string, open: (onMessage: OnMessage) => Wire, onMessage: OnMessage): Wire {
  const wire = open((message, text) => {
    const own = ownText(one, text, message)
    onMessage(JSON.parse(own) as RpcMessage, own)
  })
  const shown = (message: JsonMap): JsonMap => shownMessage(one, message)
  return {
    ...wire,
    send: (message, headers) =>
      wire.send(Array.isArray(message) ? message.map(shown) : shown(message as JsonMap), headers),
  }
}

/** The text of a message with the own names; as it came, unless entries of other servers were left out. */
export function ownText(one: string, text: string, message: RpcMessage = JSON.parse(text) as RpcMessage): string {
  const rest = withoutOthers(one, message)
  return (rest ? JSON.stringify(rest) : text)
    .replaceAll(`mcplex://${one}/`, '')
    .replaceAll(`ui://${one}/`, 'ui://')
    .replaceAll(`"${one}__`, '"')
    .replaceAll(`"taskId":"${one}.`, '"taskId":"')
}

/** The message without the entries of other servers; undefined if it has none. */
function withoutOthers(one: string, message: RpcMessage): RpcMessage | undefined {
  const result = message.result ?? {}
  const key = listed.find((name) => Array.isArray(result[name]))
  if (key === undefined) return undefined
  const isOwn = ({ name, uri, uriTemplate }: JsonMap): boolean =>
    key === 'tools' || key === 'prompts'
      ? String(name).startsWith(`${one}__`)
      : String(uri ?? uriTemplate).includes(`://${one}/`)
  return { ...message, result: { ...result, [key]: (result[key] as JsonMap[]).filter(isOwn) } }
}

/** A message of the client with the names of the endpoint. */
export function shownMessage(one: string, message: JsonMap): JsonMap {
  const { method, params } = message as { readonly method?: string; readonly params?: JsonMap }
  if (method === undefined || params === undefined) return message
  const uri = (own: unknown): unknown =>
    typeof own !== 'string'
      ? own
      : own.startsWith('ui://')
        ? own.replace('ui://', `ui://${one}/`)
        : `mcplex://${one}/${own}`
  const name = (own: unknown): unknown => (typeof own === 'string' ? `${one}__${own}` : own)
  const edits: Record<string, unknown> = {
    ...(named.has(method) && { name: name(params['name']) }),
    ...(method.startsWith('resources/') && 'uri' in params && { uri: uri(params['uri']) }),
    ...(method.startsWith('tasks/') && 'taskId' in params && { taskId: `${one}.${String(params['taskId'])}` }),
  }
  if (method === 'completion/complete') {
    const ref = params['ref'] as JsonMap
    edits['ref'] = {
      ...ref,
      ...('name' in ref && { name: name(ref['name']) }),
      ...('uri' in ref && { uri: uri(ref['uri']) }),
    }
  }
  if (method === 'subscriptions/listen') {
    const filter = params['notifications'] as JsonMap
    const uris = filter['resourceSubscriptions'] as readonly string[] | undefined
    edits['notifications'] = { ...filter, ...(uris && { resourceSubscriptions: uris.map(uri) }) }
  }
  return { ...message, params: { ...params, ...edits } }
}
