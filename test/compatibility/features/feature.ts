/**
 * A feature as a row of data: how it is tried, and what must come of it for each client, server and transport.
 * What comes of it is a word and, where there is one, a reason: `works`, `works: as text`, `refused: …`, `-: …`.
 */
import type { JsonMap, RpcMessage } from '../../support/rpc.ts'
import { eventually } from '../../support/eventually.ts'
import type { TestClient, RequestOptions } from '../test-client.ts'

/** A client, a server, and the transport between them. */
export interface Lane {
  readonly client: string
  readonly server: string
  readonly transport: string
  /** The era that mcplex speaks with the server on behalf of this client. */
  readonly spoken: 'old' | 'new'
  /** The major of the SDK if the server is a module, whose objects have variables in common. */
  readonly sdk: 1 | 2 | undefined
  /** What refuses clients of this revision at the connection, if anything does. */
  readonly closed: 'transport' | 'server' | undefined
  /** Another client of the lane, which declares no more than this. Its end is the caller's. */
  connect(capabilities?: JsonMap): Promise<TestClient>
  /** Runs `work` with a process that serves no other client: as another client, if this one shares its own. */
  alone(testClient: TestClient, work: (testClient: TestClient) => Promise<void>): Promise<void>
}

export type Verdict = 'works' | `${'works' | 'refused' | '-'}: ${string}`

export interface Feature {
  readonly section: string
  readonly name: string
  /** Tries it and says what came of it. Throws for what may never come of it. */
  readonly check: (testClient: TestClient, lane: Lane) => Promise<Verdict>
  /** What must come of it. */
  readonly expected: (lane: Lane) => Verdict
}

/** A row that has the same verdict for every client. */
export const always = (verdict: Verdict) => (): Verdict => verdict

/** Throws unless the two are the same but for the order of members. */
export function same(found: unknown, wanted: unknown): void {
  const [one, other] = [found, wanted].map((value) => JSON.stringify(sorted(value)))
  if (one !== other) throw new Error(`wanted ${other}, found ${one}`)
}

/** Throws with what was found unless something holds. */
export function holds(what: string, isSo: boolean, found: unknown): void {
  if (!isSo) throw new Error(`${what}: found ${JSON.stringify(found)}`)
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  )
}

export const call = (
  testClient: TestClient,
  name: string,
  args: JsonMap = {},
  options: RequestOptions = {},
): Promise<RpcMessage> => testClient.request('tools/call', { name, arguments: args }, options)

interface Content {
  readonly type: string
  readonly text?: string
}

/** The contents of a tool's result. Throws if it failed. */
export function contentOf(message: RpcMessage): readonly Content[] {
  const { result } = message
  if (!result || result['isError'] === true) throw new Error(`failed: ${JSON.stringify(message).slice(0, 500)}`)
  return result['content'] as readonly Content[]
}

/** The text of a tool's result. Throws if it failed. */
export function textIn(message: RpcMessage): string {
  return contentOf(message)[0]?.text ?? ''
}

/** What a call that was refused says: the text of a tool's error, or the error and its data. Undefined if it was not. */
export function refusalIn({ result, error }: RpcMessage): string | undefined {
  if (error) return `${error.code} ${error.message} ${JSON.stringify(error.data ?? {})}`
  return result?.['isError'] === true
    ? (result['content'] as readonly Content[]).map(({ text }) => text).join()
    : undefined
}

/** Every entry of a list, page by page; from the start again when the list has changed in between. */
export async function listAll(testClient: TestClient, method: string, key: string): Promise<JsonMap[]> {
  return eventually(`the whole of ${method}`, async () => {
    const all: JsonMap[] = []
    let cursor: unknown
    do {
      const message = await testClient.request(method, cursor === undefined ? {} : { cursor })
      if (message.error && cursor !== undefined) return undefined
      if (!message.result) throw new Error(`refused: ${JSON.stringify(message)}`)
      all.push(...(message.result[key] as JsonMap[]))
      cursor = message.result['nextCursor']
    } while (cursor !== undefined)
    return all
  })
}

const tools = new WeakMap<TestClient, Promise<JsonMap[]>>()

/** The entry of a tool in the list, which is read once for all callers; undefined if there is none. */
export async function toolNamed(testClient: TestClient, name: string): Promise<JsonMap | undefined> {
  const all = tools.get(testClient) ?? listAll(testClient, 'tools/list', 'tools')
  tools.set(testClient, all)
  return (await all).find((entry) => entry['name'] === name)
}

/** Waits until something holds. */
export async function until(what: string, holdsNow: () => Promise<boolean>): Promise<void> {
  await eventually(what, holdsNow)
}

export const isStateless = ({ client }: Lane): boolean => client === '2026-07-28'
/** Whether a process of the server serves several clients. */
export const isShared = ({ spoken, client }: Pick<Lane, 'spoken' | 'client'>): boolean =>
  spoken === 'new' || client === '2026-07-28'

/** Whether a process ends with its call: what a server asks late could be of any of several clients. */
export const endsWithCall = ({ client, spoken, transport }: Pick<Lane, 'client' | 'spoken' | 'transport'>): boolean =>
  client === '2026-07-28' && spoken === 'old' && transport !== 'stdio'

/** A name that no other lane has. */
export const nameOf = ({ client, server, transport }: Lane): string =>
  `${client}-${server}-${transport}`.replaceAll(/[^\w-]/g, '-')

export const isHttp = ({ transport }: Lane): boolean => ['HTTP/1.1', 'HTTP/2', 'Unix socket'].includes(transport)

export const notInRevision = 'not in this revision'
