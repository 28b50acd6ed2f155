/** Clients over HTTP+SSE that look to a test like those of clients.ts: the official SDKs of both majors, and raw HTTP. */
import { Client as NewClient, SSEClientTransport as NewSse } from '@modelcontextprotocol/client'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport as OldSse } from '@modelcontextprotocol/sdk/client/sse.js'
import { eventually } from '../support/eventually.ts'
import type { RpcMessage } from '../support/rpc.ts'
import { openStreamClient } from '../support/stream-client.ts'
import { calledIn, callNew, callOld, type Caller, info, openTap, rawId, rawToken, type StreamKind } from './clients.ts'

export const streamKinds: readonly StreamKind[] = ['sdk 1, sse', 'sdk 2, sse', 'raw, sse']

export function connectStream(kind: StreamKind, url: string): Promise<Caller> {
  if (kind === 'raw, sse') return connectRaw(url)
  return kind === 'sdk 1, sse' ? connectOld(url) : connectNew(url)
}

async function connectOld(url: string): Promise<Caller> {
  const tap = openTap()
  const client = new OldClient(info)
  await client.connect(new OldSse(new URL('sse', url), { fetch: tap.fetch }))
  return {
    kind: 'sdk 1, sse',
    hasSession: true,
    hasOneId: false,
    heard: tap.heard,
    call: callOld(client),
    close: () => client.close(),
  }
}

async function connectNew(url: string): Promise<Caller> {
  const tap = openTap()
  const client = new NewClient(info, { versionNegotiation: { mode: 'legacy' } })
  await client.connect(new NewSse(new URL('sse', url), { fetch: tap.fetch }))
  return {
    kind: 'sdk 2, sse',
    hasSession: true,
    hasOneId: false,
    heard: tap.heard,
    call: callNew(client),
    close: () => client.close(),
  }
}

/** Has one id and one token for all of its calls, so that it makes them one after the other; it cancels none. */
async function connectRaw(url: string): Promise<Caller> {
  const client = await openStreamClient(url)
  let last: Promise<unknown> = Promise.resolve()
  const call: Caller['call'] = async (name, args) => {
    const before = client.messages().length
    const params = { name, arguments: args, _meta: { progressToken: rawToken } }
    const posted = await client.post({ id: rawId, method: 'tools/call', params })
    await posted.whole()
    if (posted.status !== 202) throw new Error(`refused: ${posted.status} ${posted.text}`)
    const came = (): RpcMessage[] => client.messages().slice(before)
    await eventually('a response', () => came().some(({ method }) => method === undefined))
    return calledIn(came().filter(({ method }) => method !== 'notifications/message'))
  }
  return {
    kind: 'raw, sse',
    hasSession: true,
    hasOneId: true,
    heard: () => client.stream.text,
    call(...what) {
      const called = last.then(() => call(...what))
      last = called.catch(() => undefined)
      return called
    },
    async close() {
      client.stream.cut()
      await client.stream.over
    },
  }
}
