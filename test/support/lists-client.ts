/** A client that lists tools and hears of changes, over each of the transports: what tests of lists need of it. */
import { onTestFinished } from 'vitest'
import { eventually } from './eventually.ts'
import { startForTest } from './in-process.ts'
import { messagesOf, type RpcMessage, textOf } from './rpc.ts'
import { serveStdio } from './pipes.ts'
import { openSession } from './session.ts'
import { openStreamClient } from './stream-client.ts'

export interface ListsClient {
  /** The names of the tools that it is listed now. */
  tools(): Promise<string[]>
  /** Calls a tool and gives the text of its result. */
  call(tool: string, text?: string): Promise<string>
  /** How many changes of the tools it has heard of. */
  changes(): number
  /** Resolves when it has heard of more changes than `before`. */
  changed(before: number): Promise<void>
}

/** Opens a client that calls itself `name` at a gateway in front of the server. */
export type OpenListsClient = (name: string) => Promise<ListsClient>

type Settings = Parameters<typeof startForTest>[1]

function namesIn(message: RpcMessage): string[] {
  const tools = message.result?.['tools']
  if (!Array.isArray(tools)) throw new Error(`no list: ${JSON.stringify(message)}`)
  return (tools as ReadonlyArray<{ readonly name: string }>).map(({ name }) => name)
}

const isChange = ({ method }: RpcMessage): boolean => method === 'notifications/tools/list_changed'

function clientOf(
  request: (method: string, params?: Record<string, unknown>) => Promise<RpcMessage>,
  messages: () => readonly RpcMessage[],
): ListsClient {
  const client: ListsClient = {
    tools: async () => namesIn(await request('tools/list')),
    call: async (name, text = '') => textOf(await request('tools/call', { name, arguments: { text } })),
    changes: () => messages().filter(isChange).length,
    changed: async (before) => void (await eventually('a change to be heard', () => client.changes() > before)),
  }
  return client
}

export async function overStreamableHttp(server: readonly string[], settings: Settings = {}): Promise<OpenListsClient> {
  const { url } = await startForTest(server, settings)
  return async (name) => {
    const session = await openSession(url, { client: name })
    const stream = await session.listen()
    return clientOf(
      (method, params) => session.request(method, params),
      () => messagesOf(stream),
    )
  }
}

export async function overHttpSse(server: readonly string[], settings: Settings = {}): Promise<OpenListsClient> {
  const { url } = await startForTest(server, settings)
  return async (name) => {
    const client = await openStreamClient(url, { client: name })
    return clientOf(
      (method, params) => client.request(method, params),
      () => client.messages(),
    )
  }
}

/** One client alone: each that is opened starts mcplex anew. */
export async function overPipes(server: readonly string[]): Promise<OpenListsClient> {
  return async (name) => {
    const piped = serveStdio(server)
    onTestFinished(() => piped.end())
    await piped.initialize({ client: name })
    return clientOf(
      (method, params) => piped.request(method, params),
      () => piped.messages(),
    )
  }
}
