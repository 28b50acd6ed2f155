/** A client of HTTP+SSE on bare HTTP: one stream that brings everything, and POSTs beside it. */
import { eventually } from './eventually.ts'
import { type Answered, type Asked, send } from './http.ts'
import { type JsonMap, messagesOf, responseTo, type RpcMessage, textOf } from './rpc.ts'
import type { Opening, Whoami } from './session.ts'

export interface StreamClient {
  readonly stream: Answered
  /** Where it POSTs. */
  readonly address: string
  nextId(): number
  /** POSTs a message as it is; the answer to the POST, and not to the message. */
  post(message: JsonMap | readonly JsonMap[], asked?: Asked): Promise<Answered>
  /** Sends a request; its response comes on the stream. */
  request(method: string, params?: JsonMap, id?: string | number): Promise<RpcMessage>
  notify(method: string, params?: JsonMap): Promise<Answered>
  call(tool: string, args?: JsonMap, options?: { id?: string | number; progressToken?: unknown }): Promise<RpcMessage>
  text(tool: string, args?: JsonMap): Promise<string>
  whoami(): Promise<Whoami>
  /** All messages so far. */
  messages(): RpcMessage[]
  /** The first message that passes, as soon as it has come. */
  message(what: string, passes: (message: RpcMessage) => boolean): Promise<RpcMessage>
}

const json = { 'Content-Type': 'application/json' }

function isBatch(message: JsonMap | readonly JsonMap[]): message is readonly JsonMap[] {
  return Array.isArray(message)
}

/** The GET of a stream, whatever becomes of it. */
export function getStream(url: string, asked: Asked = {}): Promise<Answered> {
  return send(new URL('sse', url).href, { headers: { Accept: 'text/event-stream' }, ...asked })
}

/** A stream without a session yet. */
export async function openStream(url: string, asked: Asked = {}): Promise<StreamClient> {
  const stream = await getStream(url, asked)
  if (stream.status !== 200) throw new Error(`no stream: ${stream.status} ${await stream.whole()}`)
  const endpoint = await stream.event('the endpoint', ({ event }) => event === 'endpoint')
  const address = new URL(endpoint.data, new URL('sse', url)).href
  let ids = 0
  const messages = (): RpcMessage[] => messagesOf({ ...stream, events: messageEvents(stream) })
  const client: StreamClient = {
    stream,
    address,
    nextId: () => ++ids,
    post(message, more = {}) {
      const whole = isBatch(message) ? message : { jsonrpc: '2.0', ...message }
      return send(address, { method: 'POST', body: JSON.stringify(whole), headers: json, ...more })
    },
    async request(method, params = {}, id = client.nextId()) {
      const posted = await client.post({ id, method, params })
      if (posted.status !== 202) return responseTo(posted, id)
      return client.message(`the response to ${id}`, (one) => one.id === id && one.method === undefined)
    },
    notify: (method, params = {}) => client.post({ method, params }),
    call(tool, args = {}, { id, progressToken } = {}) {
      const meta = progressToken === undefined ? {} : { _meta: { progressToken } }
      return client.request('tools/call', { name: tool, arguments: args, ...meta }, id)
    },
    text: async (tool, args) => textOf(await client.call(tool, args)),
    whoami: async () => JSON.parse(await client.text('whoami')) as Whoami,
    messages,
    message: (what, passes) =>
      eventually(`${what}; got ${stream.text.slice(-500)}`, () => {
        const found = messages().find(passes)
        if (!found && stream.isOver) throw new Error(`the stream ended without ${what}: ${stream.text.slice(-500)}`)
        return found
      }),
  }
  return client
}

const messageEvents = (stream: Answered): Answered['events'] => stream.events.filter(({ event }) => event === 'message')

/** A stream whose session is ready for requests. Throws if it is refused. */
export async function openStreamClient(url: string, opening: Opening = {}, asked: Asked = {}): Promise<StreamClient> {
  const client = await openStream(url, asked)
  const { version = '2024-11-05', capabilities = {}, client: name = 'journey' } = opening
  const clientInfo = { name, version: '1' }
  const { result, error } = await client.request(
    'initialize',
    { protocolVersion: version, capabilities, clientInfo },
    0,
  )
  if (!result) throw new Error(`no session: ${JSON.stringify(error)}`)
  if (opening.unfinished !== true) await client.notify('notifications/initialized')
  return client
}
