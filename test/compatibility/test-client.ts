/**
 * A client of any revision on any transport, which does the same things in the words of its revision: with a session it
 * answers questions by messages of their own, without one by sending the request anew.
 */
import { eventually, inTime } from '../support/eventually.ts'
import type { JsonMap, RpcMessage } from '../support/rpc.ts'
import { answerTo } from './answers.ts'
import type { OnMessage, Sent, Wire } from './transports/transport.ts'

export interface Received {
  readonly message: RpcMessage
  readonly text: string
}

export interface Question {
  readonly method: string
  readonly params: JsonMap
  /** By which it was asked, with a session. */
  readonly id: string | number | undefined
}

export interface RequestOptions {
  readonly id?: string | number
  /** Further members of `_meta`. */
  readonly meta?: JsonMap
  readonly headers?: Readonly<Record<string, string>>
}

export interface Running {
  readonly id: string | number
  readonly sent: Promise<Sent>
  readonly response: Promise<RpcMessage>
  /** Says that the answer is no longer wanted, as the revision and the transport have it. */
  cancel(): Promise<void>
}

export interface TestClient {
  readonly isStateless: boolean
  /** What the server said of itself: the result of `initialize`, or of `server/discover`. */
  readonly serverDescription: JsonMap
  readonly received: readonly Received[]
  readonly asked: readonly Question[]
  readonly wire: Wire
  /** A request, and what is asked on the way to its answer. */
  request(method: string, params?: JsonMap, options?: RequestOptions): Promise<RpcMessage>
  start(method: string, params?: JsonMap, options?: RequestOptions): Running
  notify(method: string, params?: JsonMap): Promise<Sent>
  /** Follows a resource, and gives what ends that. */
  follow(uri: string): Promise<() => Promise<void>>
  /** Asks to be told when lists change. */
  watch(): Promise<void>
  setLevel(level: string): Promise<RpcMessage | undefined>
  /** The first message that passes, among those that came since `received` had that length. */
  told(what: string, since: number, passes: (message: RpcMessage) => boolean): Promise<Received>
  close(): Promise<void>
}

export interface Opening {
  readonly version: string
  readonly capabilities: JsonMap
  open(onMessage: OnMessage): Wire | Promise<Wire>
}

const prefix = 'io.modelcontextprotocol/'
const info = { name: 'compatibility', version: '1.0.0' }
const stateless = '2026-07-28'
const lastCall = new Set(['take-back'])

export async function connectTestClient({ version, capabilities, open }: Opening): Promise<TestClient> {
  const isStateless = version === stateless
  const received: Received[] = []
  const asked: Question[] = []
  const waiting = new Map<string | number, (message: RpcMessage) => void>()
  let ids = 0
  let level: string | undefined
  let leavesUnanswered = false

  const wire = await open((message, text) => {
    received.push({ message, text })
    const { id, method } = message
    if (method === undefined && id !== undefined) waiting.get(id)?.(message)
    else if (method !== undefined && id !== undefined) void answer(message as Asking)
  })

  const answer = async ({ id, method, params = {} }: Asking): Promise<void> => {
    if (method !== 'ping') asked.push({ method, params, id })
    if (!leavesUnanswered) await wire.send({ jsonrpc: '2.0', id, result: answerTo(method, params) })
  }

  const worded = (params: JsonMap, meta: JsonMap): JsonMap => {
    const own = isStateless
      ? {
          [`${prefix}protocolVersion`]: version,
          [`${prefix}clientCapabilities`]: capabilities,
          [`${prefix}clientInfo`]: info,
          ...(level !== undefined && { [`${prefix}logLevel`]: level }),
        }
      : {}
    const all = { ...own, ...meta }
    return Object.keys(all).length === 0 ? params : { ...params, _meta: all }
  }

  const start = (method: string, params: JsonMap = {}, options: RequestOptions = {}): Running => {
    const { id = ++ids, meta = {}, headers = {} } = options
    const response = new Promise<RpcMessage>((resolve) => waiting.set(id, resolve))
    const sent = wire.send({ jsonrpc: '2.0', id, method, params: worded(params, meta) }, headers)
    sent.catch(() => {})
    return {
      id,
      sent,
      response: inTime(`the response to ${method} ${JSON.stringify(params)}`, Promise.race([response, failing(sent)])),
      async cancel() {
        const { cut } = await sent
        if (isStateless && cut) cut()
        else await notify('notifications/cancelled', { requestId: id })
      },
    }
  }

  const notify = (method: string, params?: JsonMap): Promise<Sent> =>
    wire.send({ jsonrpc: '2.0', method, ...(params && { params }) })

  const request: TestClient['request'] = async (method, params = {}, options = {}) => {
    leavesUnanswered = lastCall.has(String(params['name']))
    for (let again: JsonMap = {}; ;) {
      const { result, ...rest } = await start(method, { ...params, ...again }, options).response
      if (result?.['resultType'] !== 'input_required') return { ...rest, ...(result && { result }) }
      const requests = (result['inputRequests'] ?? {}) as Record<string, { method: string; params?: JsonMap }>
      const answers = Object.entries(requests).map(([key, question]) => {
        asked.push({ method: question.method, params: question.params ?? {}, id: undefined })
        return [key, answerTo(question.method, question.params ?? {})]
      })
      const { requestState } = result
      again = {
        inputResponses: Object.fromEntries(answers) as JsonMap,
        ...(requestState !== undefined && { requestState }),
      }
    }
  }

  const told: TestClient['told'] = (what, since, passes) =>
    eventually(`${what}; received ${JSON.stringify(received.slice(since)).slice(0, 1500)}`, () =>
      received.slice(since).find(({ message }) => passes(message)),
    )

  const listen = async (filter: JsonMap): Promise<() => Promise<void>> => {
    const since = received.length
    const { id, cancel, response } = start('subscriptions/listen', { notifications: filter })
    response.catch(() => {})
    await told('the acknowledgement', since, ({ method, params }) => {
      const meta = params?.['_meta'] as JsonMap | undefined
      return method === 'notifications/subscriptions/acknowledged' && meta?.[`${prefix}subscriptionId`] === id
    })
    return cancel
  }

  const serverDescription = await describeServer().catch(async (error: unknown) => {
    await wire.close()
    throw error
  })

  async function describeServer(): Promise<JsonMap> {
    if (isStateless) return resultOf(await request('server/discover'))
    const params = { protocolVersion: version, capabilities, clientInfo: info }
    const result = resultOf(await request('initialize', params))
    await notify('notifications/initialized')
    return result
  }

  return {
    isStateless,
    serverDescription,
    received,
    asked,
    wire,
    request,
    start,
    notify,
    told,
    async follow(uri) {
      if (isStateless) return listen({ resourceSubscriptions: [uri] })
      resultOf(await request('resources/subscribe', { uri }))
      return async () => void resultOf(await request('resources/unsubscribe', { uri }))
    },
    async watch() {
      if (!isStateless) return
      await listen({ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true })
    },
    async setLevel(to) {
      level = to
      return isStateless ? undefined : request('logging/setLevel', { level: to })
    },
    close: () => wire.close(),
  }
}

interface Asking {
  readonly id: string | number
  readonly method: string
  readonly params?: JsonMap
}

/** Throws with the error, if there is one in place of a result. */
export function resultOf(message: RpcMessage): JsonMap {
  if (!message.result) throw new Error(`refused: ${JSON.stringify(message)}`)
  return message.result
}

/** Never resolves; rejects if the message could not be sent. */
function failing(sent: Promise<Sent>): Promise<never> {
  return new Promise((_, reject) => void sent.catch(reject))
}
