/** A client of the session-based revisions, on bare HTTP: what it sends is what the test says. */
import { type Answered, type Asked, send } from './http.ts'
import { type JsonMap, responseTo, type RpcMessage, textOf } from './rpc.ts'

export interface Opening {
  readonly version?: string
  readonly capabilities?: JsonMap
  /** What the client calls itself. */
  readonly client?: string
  /** More headers of each request. */
  readonly headers?: Readonly<Record<string, string>>
  /** Leaves the handshake without its second message. */
  readonly unfinished?: boolean
}

export interface CallOptions extends Asked {
  readonly id?: string | number
  readonly progressToken?: string | number
}

export interface Session {
  readonly id: string
  readonly headers: Readonly<Record<string, string>>
  /** An id that this session has not used yet. */
  nextId(): number
  /** Sends a message as it is. */
  post(message: JsonMap, asked?: Asked): Promise<Answered>
  /** Calls a tool; its answer begins when the head of it has come. */
  call(tool: string, args?: JsonMap, options?: CallOptions): Promise<Answered>
  /** Calls a tool and waits for its response. */
  response(tool: string, args?: JsonMap, options?: CallOptions): Promise<RpcMessage>
  /** Calls a tool and gives the text of its result. */
  text(tool: string, args?: JsonMap): Promise<string>
  /** What the tool `whoami` says. */
  whoami(): Promise<Whoami>
  request(method: string, params?: JsonMap): Promise<RpcMessage>
  notify(method: string, params?: JsonMap): Promise<Answered>
  /** Opens the stream without a call, or resumes the stream that an event belongs to. */
  listen(lastEventId?: string, asked?: Asked): Promise<Answered>
  /** Ends the session. */
  end(): Promise<Answered>
}

export interface Whoami {
  readonly pid: number
  readonly nonce: string
  readonly calls: number
  readonly level: string
  readonly subscribed: readonly string[]
  readonly client: JsonMap
}

/** The POST of `initialize`, whatever becomes of it. */
export function initialize(url: string, opening: Opening = {}, asked: Asked = {}): Promise<Answered> {
  const { version = '2025-11-25', capabilities = {}, client = 'journey' } = opening
  const params = { protocolVersion: version, capabilities, clientInfo: { name: client, version: '1' } }
  const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })
  return send(url, { method: 'POST', headers: { ...postHeaders, ...opening.headers }, body, ...asked })
}

const postHeaders = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }

/** A session that is ready for requests. Throws if it is refused. */
export async function openSession(url: string, opening: Opening = {}): Promise<Session> {
  const answered = await initialize(url, opening)
  const { result } = await responseTo(answered, 0)
  const id = answered.headers['mcp-session-id']
  if (typeof id !== 'string' || !result) throw new Error(`no session: ${answered.status} ${answered.text}`)
  const named = { 'Mcp-Session-Id': id, 'MCP-Protocol-Version': String(result['protocolVersion']) }
  const headers = { ...named, ...opening.headers }
  let ids = 0
  const session: Session = {
    id,
    headers,
    nextId: () => ++ids,
    post: (message, asked = {}) =>
      send(url, {
        method: 'POST',
        body: JSON.stringify({ jsonrpc: '2.0', ...message }),
        ...asked,
        headers: { ...postHeaders, ...headers, ...asked.headers },
      }),
    call(tool, args = {}, { id: given, progressToken, ...asked } = {}) {
      const meta = progressToken === undefined ? {} : { _meta: { progressToken } }
      const params = { name: tool, arguments: args, ...meta }
      return session.post({ id: given ?? session.nextId(), method: 'tools/call', params }, asked)
    },
    async response(tool, args, options = {}) {
      const request = options.id ?? session.nextId()
      return responseTo(await session.call(tool, args, { ...options, id: request }), request)
    },
    text: async (tool, args) => textOf(await session.response(tool, args)),
    whoami: async () => JSON.parse(await session.text('whoami')) as Whoami,
    async request(method, params = {}) {
      const request = session.nextId()
      return responseTo(await session.post({ id: request, method, params }), request)
    },
    notify: (method, params = {}) => session.post({ method, params }),
    listen: (lastEventId, asked = {}) =>
      send(url, { headers: { Accept: 'text/event-stream', 'Last-Event-ID': lastEventId, ...headers }, ...asked }),
    end: () => send(url, { method: 'DELETE', headers }),
  }
  if (opening.unfinished !== true) {
    const { status } = await session.notify('notifications/initialized')
    if (status !== 202) throw new Error(`initialized was answered with ${status}`)
  }
  return session
}
