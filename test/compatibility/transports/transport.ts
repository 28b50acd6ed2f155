/** What a test client needs of a transport: it sends messages and takes messages. There is one adapter for each transport. */
import type { JsonMap, RpcMessage } from '../../support/rpc.ts'

/** Takes each message that comes, with its text as it came. */
export type OnMessage = (message: RpcMessage, text: string) => void

export interface Sent {
  /** Of the HTTP answer, where there is one. */
  readonly status: number | undefined
  /** Cuts the connection on which the answer comes, where each message has its own. */
  readonly cut: (() => void) | undefined
  /** What a client names to get the rest of an answer that was cut. */
  lastEventId(): string | undefined
}

export interface Wire {
  /** Resolves once the message is delivered: over HTTP, when the head of the answer is there. */
  send(message: JsonMap | readonly JsonMap[], headers?: Readonly<Record<string, string>>): Promise<Sent>
  /** Gets the rest of an answer that was cut, where a transport can. */
  readonly resume: ((lastEventId: string) => Promise<void>) | undefined
  close(): Promise<void>
}

const versionKey = 'io.modelcontextprotocol/protocolVersion'

/** The version that a message carries in its metadata: it is one of a client without a session. */
export function versionIn(message: JsonMap): string | undefined {
  const meta = (message['params'] as JsonMap | undefined)?.['_meta'] as JsonMap | undefined
  const version = meta?.[versionKey]
  return typeof version === 'string' ? version : undefined
}
