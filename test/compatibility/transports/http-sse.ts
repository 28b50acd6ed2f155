/** HTTP+SSE of 2024-11-05: one stream for all that comes, and a second endpoint, named by its first event, to post to. */
import { inTime } from '../../support/eventually.ts'
import type { RpcMessage } from '../../support/rpc.ts'
import { createSseReader } from '../../support/sse.ts'
import type { Requester } from './http-exchange.ts'
import type { OnMessage, Wire } from './transport.ts'

export async function twoEndpoints(requester: Requester, path: string, onMessage: OnMessage): Promise<Wire> {
  const reader = createSseReader()
  let seen = 0
  let posts: (path: string) => void = () => {}
  const endpoint = new Promise<string>((resolve) => (posts = resolve))
  const stream = await requester.ask({
    method: 'GET',
    path,
    headers: { Accept: 'text/event-stream' },
    onText(text) {
      reader.push(text)
      for (const { event, data } of reader.events.slice(seen)) {
        seen++
        if (event === 'endpoint') posts(data)
        else if (data !== '') onMessage(JSON.parse(data) as RpcMessage, data)
      }
    },
  })
  if (stream.status !== 200) throw new Error(`GET ${path} was answered with ${stream.status}`)
  const to = await inTime('the endpoint to post to', endpoint)
  return {
    resume: undefined,
    async send(message, headers = {}) {
      let said = ''
      const exchange = await requester.ask({
        method: 'POST',
        path: to,
        headers: { 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify(message),
        onText: (text) => (said += text),
      })
      await exchange.over
      if (exchange.status >= 400) {
        const id = Array.isArray(message) ? 'batch' : ((message as { id?: string }).id ?? '')
        const { error = { code: 0, message: said } } = (said.startsWith('{') ? JSON.parse(said) : {}) as RpcMessage
        onMessage({ id, error }, said)
      }
      return { status: exchange.status, cut: undefined, lastEventId: () => undefined }
    },
    async close() {
      stream.cut()
      await requester.close()
    },
  }
}
