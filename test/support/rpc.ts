/** JSON-RPC as tests read it: the messages of an answer, and the end of a request among them. */
import type { Answered } from './http.ts'

export type JsonMap = Readonly<Record<string, unknown>>

export interface RpcMessage {
  readonly id?: string | number
  readonly method?: string
  readonly params?: JsonMap
  readonly result?: JsonMap
  readonly error?: { readonly code: number; readonly message: string; readonly data?: JsonMap }
}

/** All messages that have come so far, from one JSON body or from a stream. */
export function messagesOf(answered: Answered): RpcMessage[] {
  if (answered.headers['content-type'] === 'text/event-stream') {
    return answered.events.filter(({ data }) => data !== '').map(({ data }) => JSON.parse(data) as RpcMessage)
  }
  if (answered.text === '') return []
  const value = JSON.parse(answered.text) as RpcMessage | RpcMessage[]
  return Array.isArray(value) ? value : [value]
}

/** The response to a request, once it is there. Throws if the answer ends without one. */
export async function responseTo(answered: Answered, id: string | number): Promise<RpcMessage> {
  const isIt = (message: RpcMessage): boolean => message.id === id && message.method === undefined
  if (answered.headers['content-type'] === 'text/event-stream') {
    const event = await answered.event(
      `the response to ${id}`,
      ({ data }) => data !== '' && isIt(JSON.parse(data) as RpcMessage),
    )
    return JSON.parse(event.data) as RpcMessage
  }
  await answered.whole()
  const message = messagesOf(answered).find((one) => isIt(one) || (one.error !== undefined && one.id === undefined))
  if (!message) throw new Error(`no response to ${id}: ${answered.status} ${answered.text.slice(0, 500)}`)
  return message
}

/** The text of a tool's result. Throws if there is none. */
export function textOf(message: RpcMessage): string {
  const content = message.result?.['content'] as ReadonlyArray<{ readonly text?: string }> | undefined
  const text = content?.[0]?.text
  if (text === undefined) throw new Error(`no text in ${JSON.stringify(message).slice(0, 500)}`)
  return text
}

/** The stable word for what was refused. */
export function reasonOf(message: RpcMessage): unknown {
  return message.error?.data?.['reason']
}

/** The stable word of a refusal in a body: of a JSON-RPC error, or of the plain text that answers an unread body. */
export function refusalIn(body: string): unknown {
  if (!body.startsWith('{')) return /^([a-z_]+): /.exec(body)?.[1]
  return reasonOf(JSON.parse(body) as RpcMessage)
}
