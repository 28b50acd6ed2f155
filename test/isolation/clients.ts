/**
 * Five kinds of client that look the same to a test: the official SDKs of both majors in both eras, and raw HTTP that
 * calls everything by one id and one progress token. Whatever a client was sent is kept, byte for byte.
 */
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { JsonMap, RpcMessage } from '../support/rpc.ts'
import { createSseReader } from '../support/sse.ts'

export const kinds = ['sdk 1', 'sdk 2, sessions', 'sdk 2, stateless', 'raw, sessions', 'raw, stateless'] as const
export type Kind = (typeof kinds)[number]
/** The same over HTTP+SSE: stream-clients.ts. */
export type StreamKind = 'sdk 1, sse' | 'sdk 2, sse' | 'raw, sse'

export interface Progress {
  readonly progress: number
  readonly total?: number | undefined
  readonly message?: string | undefined
}

export interface Called {
  readonly text: string
  readonly progress: readonly Progress[]
}

export interface Caller {
  readonly kind: Kind | StreamKind
  readonly hasSession: boolean
  /** Whether all of its requests have the same id, so that it can only cancel a call that is alone. */
  readonly hasOneId: boolean
  /** Calls a tool and wants progress. Rejects if it was aborted or answered with an error. */
  call(tool: string, args: JsonMap, signal?: AbortSignal): Promise<Called>
  /** Everything that the gateway has sent to this client. */
  heard(): string
  close(): Promise<void>
}

/** A `fetch` that keeps what comes back. */
export interface Tap {
  readonly fetch: typeof fetch
  heard(): string
}

export function openTap(): Tap {
  const pieces: string[] = []
  const keep = async (body: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder()
    try {
      for await (const chunk of body) pieces.push(decoder.decode(chunk, { stream: true }))
    } catch {
      // The client has cut the connection.
    }
  }
  return {
    heard: () => pieces.join(''),
    async fetch(...asked) {
      const response = await fetch(...asked)
      if (!response.body) return response
      const [own, copy] = response.body.tee()
      void keep(copy)
      const { status, statusText, headers } = response
      return new Response(own, { status, statusText, headers })
    },
  }
}

export const info = { name: 'isolation', version: '1' }

export function connect(kind: Kind, url: string): Promise<Caller> {
  switch (kind) {
    case 'sdk 1':
      return connectOld(url)
    case 'sdk 2, sessions':
      return connectNew(kind, url)
    case 'sdk 2, stateless':
      return connectNew(kind, url)
    case 'raw, sessions':
      return connectRawSession(url)
    case 'raw, stateless':
      return Promise.resolve(connectRawStateless(url))
  }
}

/** The calls of a client of the first major version of the SDK. */
export function callOld(client: OldClient): Caller['call'] {
  return async (name, args, signal) => {
    const progress: Progress[] = []
    const result = await client.callTool({ name, arguments: { ...args } }, undefined, {
      onprogress: (one) => void progress.push(one),
      ...(signal && { signal }),
    })
    return { text: textIn(result), progress }
  }
}

/** The calls of a client of the second major version of the SDK. */
export function callNew(client: NewClient): Caller['call'] {
  return async (name, args, signal) => {
    const progress: Progress[] = []
    const result = await client.callTool(
      { name, arguments: { ...args } },
      { onprogress: (one) => void progress.push(one), ...(signal && { signal }) },
    )
    return { text: textIn(result), progress }
  }
}

async function connectOld(url: string): Promise<Caller> {
  const tap = openTap()
  const client = new OldClient(info)
  const transport = new OldTransport(new URL(url), { fetch: tap.fetch })
  await client.connect(transport)
  return {
    kind: 'sdk 1',
    hasSession: true,
    hasOneId: false,
    heard: tap.heard,
    call: callOld(client),
    async close() {
      await transport.terminateSession().catch(() => undefined)
      await client.close()
    },
  }
}

async function connectNew(kind: 'sdk 2, sessions' | 'sdk 2, stateless', url: string): Promise<Caller> {
  const tap = openTap()
  const hasSession = kind === 'sdk 2, sessions'
  const client = new NewClient(info, { versionNegotiation: { mode: hasSession ? 'legacy' : { pin: '2026-07-28' } } })
  const transport = new NewTransport(new URL(url), { fetch: tap.fetch })
  await client.connect(transport)
  return {
    kind,
    hasSession,
    hasOneId: false,
    heard: tap.heard,
    call: callNew(client),
    async close() {
      if (hasSession) await transport.terminateSession().catch(() => undefined)
      await client.close()
    },
  }
}

/** What every raw client calls every request and its progress by. */
export const rawId = 1
export const rawToken = 'token'

const accepts = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }

/** All messages that answer one POST; waits for the end of the answer. */
async function post(
  tap: Tap,
  url: string,
  message: JsonMap,
  headers: JsonMap,
  signal?: AbortSignal,
): Promise<RpcMessage[]> {
  const response = await tap.fetch(url, {
    method: 'POST',
    headers: { ...accepts, ...(headers as Record<string, string>) },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    ...(signal && { signal }),
  })
  const text = await response.text()
  if (response.headers.get('content-type') !== 'text/event-stream')
    return text === '' ? [] : [JSON.parse(text) as RpcMessage]
  const reader = createSseReader()
  reader.push(text)
  return reader.events.filter(({ data }) => data !== '').map(({ data }) => JSON.parse(data) as RpcMessage)
}

export function calledIn(messages: readonly RpcMessage[]): Called {
  const responses = messages.filter(({ method }) => method === undefined)
  const [response] = responses
  if (responses.length !== 1 || response?.id !== rawId)
    throw new Error(`no answer of its own: ${JSON.stringify(messages)}`)
  if (!response.result) throw new Error(`refused: ${JSON.stringify(response.error)}`)
  const notes = messages.filter(({ method }) => method === 'notifications/progress').map(({ params }) => params ?? {})
  for (const { progressToken } of notes) {
    if (progressToken !== rawToken) throw new Error(`progress under the token ${String(progressToken)}`)
  }
  return { text: textIn(response.result), progress: notes as unknown as Progress[] }
}

async function connectRawSession(url: string): Promise<Caller> {
  const tap = openTap()
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: info }
  const opened = await tap.fetch(url, {
    method: 'POST',
    headers: accepts,
    body: JSON.stringify({ jsonrpc: '2.0', id: rawId, method: 'initialize', params }),
  })
  await opened.text()
  const session = { 'Mcp-Session-Id': opened.headers.get('mcp-session-id') ?? '', 'MCP-Protocol-Version': '2025-11-25' }
  await post(tap, url, { method: 'notifications/initialized' }, session)
  return {
    kind: 'raw, sessions',
    hasSession: true,
    hasOneId: true,
    heard: tap.heard,
    async call(name, args, signal) {
      const cancel = { method: 'notifications/cancelled', params: { requestId: rawId } }
      let cancelled: Promise<unknown> | undefined
      signal?.addEventListener('abort', () => void (cancelled = post(tap, url, cancel, session)))
      const call = { name, arguments: args, _meta: { progressToken: rawToken } }
      const messages = await post(tap, url, { id: rawId, method: 'tools/call', params: call }, session)
      // The next call has the same id: a cancellation that is still on its way would be taken for that one's.
      await cancelled
      return calledIn(messages)
    },
    async close() {
      await (await tap.fetch(url, { method: 'DELETE', headers: session })).text()
    },
  }
}

function connectRawStateless(url: string): Caller {
  const tap = openTap()
  const prefix = 'io.modelcontextprotocol/'
  const _meta = {
    [`${prefix}protocolVersion`]: '2026-07-28',
    [`${prefix}clientCapabilities`]: {},
    [`${prefix}clientInfo`]: info,
    progressToken: rawToken,
  }
  return {
    kind: 'raw, stateless',
    hasSession: false,
    hasOneId: true,
    heard: tap.heard,
    async call(name, args, signal) {
      const headers = { 'MCP-Protocol-Version': '2026-07-28', 'Mcp-Method': 'tools/call', 'Mcp-Name': name }
      const message = { id: rawId, method: 'tools/call', params: { name, arguments: args, _meta } }
      return calledIn(await post(tap, url, message, headers, signal))
    },
    close: () => Promise.resolve(),
  }
}

function textIn(result: unknown): string {
  const { content, isError } = result as { content?: ReadonlyArray<{ readonly text?: string }>; isError?: boolean }
  const text = content?.[0]?.text
  if (text === undefined || isError === true) throw new Error(`no text: ${JSON.stringify(result).slice(0, 500)}`)
  return text
}
