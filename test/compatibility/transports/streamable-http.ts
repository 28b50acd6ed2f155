/** Streamable HTTP, for clients of either era: an exchange for each message, and a stream without a call for a session. */
import { createSseReader } from '../../support/sse.ts'
import type { JsonMap, RpcMessage } from '../../support/rpc.ts'
import type { Exchange, Head, Requester } from './http-exchange.ts'
import { type OnMessage, type Sent, versionIn, type Wire } from './transport.ts'

const accepts = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }

/** The member of the params that is named in a header, by method. */
const named: Readonly<Record<string, string>> = { 'tools/call': 'name', 'prompts/get': 'name', 'resources/read': 'uri' }

/** The headers with which a request without a session says what its body says. */
function mirrored(message: JsonMap, version: string): Record<string, string> {
  const params = (message['params'] ?? {}) as JsonMap
  const method = String(message['method'])
  const name = params[named[method] ?? (method.startsWith('tasks/') ? 'taskId' : '')]
  return {
    'MCP-Protocol-Version': version,
    'Mcp-Method': method,
    ...(typeof name === 'string' && { 'Mcp-Name': name }),
  }
}

/** Takes text as it comes, and hands on the messages in it. */
function createReceiver(
  onMessage: OnMessage,
  ofRequest: unknown,
): { take(text: string, head: Head): void; lastEventId(): string | undefined } {
  const reader = createSseReader()
  let [seen, json] = [0, '']
  const one = (text: string): void => {
    const value = JSON.parse(text) as RpcMessage | RpcMessage[]
    if (Array.isArray(value)) for (const message of value) onMessage(message, JSON.stringify(message))
    // What is refused before its id is read is refused without it.
    else if (value.error && (value.id ?? null) === null) onMessage({ ...value, id: ofRequest as string }, text)
    else onMessage(value, text)
  }
  return {
    lastEventId: () => reader.lastEventId,
    take(text, head) {
      if (head.header('content-type') !== 'text/event-stream') {
        json += text
        // A body comes in pieces: it is whole when it can be read.
        try {
          JSON.parse(json)
        } catch {
          return
        }
        one(json)
        json = ''
        return
      }
      reader.push(text)
      for (const { data } of reader.events.slice(seen)) {
        seen++
        if (data !== '') one(data)
      }
    },
  }
}

export function streamable(requester: Requester, path: string, onMessage: OnMessage): Wire {
  let session: Record<string, string> = {}
  const open: Exchange[] = []

  const listen = async (lastEventId?: string): Promise<void> => {
    const receiver = createReceiver(onMessage, undefined)
    const resumed = lastEventId === undefined ? {} : { 'Last-Event-ID': lastEventId }
    open.push(
      await requester.ask({
        method: 'GET',
        path,
        headers: { Accept: 'text/event-stream', ...session, ...resumed },
        onText: receiver.take,
      }),
    )
  }

  return {
    resume: listen,
    async send(message, headers = {}) {
      const isBatch = Array.isArray(message)
      const single = isBatch ? {} : (message as JsonMap)
      const version = versionIn((isBatch ? message[0] : message) as JsonMap)
      const receiver = createReceiver(onMessage, isBatch ? 'batch' : single['id'])
      const exchange = await requester.ask({
        method: 'POST',
        path,
        headers: { ...accepts, ...(version === undefined ? session : mirrored(single, version)), ...headers },
        body: JSON.stringify(message),
        onText: receiver.take,
      })
      open.push(exchange)
      const id = exchange.header('mcp-session-id')
      if (single['method'] === 'initialize' && id !== undefined) {
        await exchange.over
        session = { 'Mcp-Session-Id': id }
      }
      if (single['method'] === 'notifications/initialized') await listen()
      return { status: exchange.status, cut: exchange.cut, lastEventId: receiver.lastEventId } satisfies Sent
    },
    async close() {
      const ended = 'Mcp-Session-Id' in session
      if (ended) await requester.ask({ method: 'DELETE', path, headers: session, onText: () => {} })
      for (const exchange of open) exchange.cut()
      await requester.close()
    },
  }
}
