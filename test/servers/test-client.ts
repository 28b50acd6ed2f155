/**
 * A client of an official SDK that can be asked everything, in front of a server directly or through mcplex, and what
 * the two of them are told by the same script: for comparing.
 */
import {
  Client as NewClient,
  SSEClientTransport as NewSse,
  StreamableHTTPClientTransport as NewHttp,
} from '@modelcontextprotocol/client'
import { StdioClientTransport as NewStdio } from '@modelcontextprotocol/client/stdio'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport as OldSse } from '@modelcontextprotocol/sdk/client/sse.js'
import { StdioClientTransport as OldStdio } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport as OldHttp } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import {
  CreateMessageRequestSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { eventually } from '../support/eventually.ts'

export type AnyClient = OldClient | NewClient

export interface Note {
  readonly method: string
  readonly params?: Readonly<Record<string, unknown>> | undefined
}

export interface TestClient {
  readonly client: AnyClient
  /** What it was told outside of answers, in order. */
  readonly notes: readonly Note[]
  /** What it was asked: methods and params, in order. */
  readonly asked: readonly Note[]
  call(
    name: string,
    args?: Readonly<Record<string, unknown>>,
    onProgress?: (progress: object) => void,
  ): Promise<unknown>
  /** Wants to be told of updates of a resource, and gives what ends that. */
  follow(uri: string): Promise<() => Promise<unknown>>
  /** The first note that passes, as soon as it is there. */
  told(method: string, passes?: (note: Note) => boolean): Promise<Note>
  close(): Promise<void>
}

/** How a client reaches a server. */
export type Place = Served | Command

interface Served {
  readonly url: string
  /** Whether it is reached by HTTP+SSE, beside the address. */
  readonly bySse?: boolean
  /** How requests go out, if not by HTTP/1.1 to the address itself. */
  readonly fetch?: typeof fetch
}

export interface Command {
  /** What this Node runs. */
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

export interface Sdk {
  readonly name: string
  /** Whether its requests stand alone, in the newest revision. */
  readonly isStateless: boolean
  /** Whether it can be asked. Without a session, a client that can be asked gets a fresh process for each call. */
  readonly canBeAsked: boolean
  connect(place: Place, roots?: readonly string[]): Promise<TestClient>
}

/** The program of a server of npm, found as Node finds it. */
export function program(name: string): string {
  return join(
    dirname(createRequire(import.meta.url).resolve(`@modelcontextprotocol/${name}/package.json`)),
    'dist',
    'index.js',
  )
}

const info = { name: 'servers', version: '1' }
const capabilities = { sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } }

/** Answers of the test client; the same to the same question. */
const sampled = { role: 'assistant', model: 'nobody', content: { type: 'text', text: 'forty-two' } } as const
const elicited = { action: 'accept', content: { name: 'Ada', interpretation: 'technical', check: true } } as const

type Own = Pick<TestClient, 'client' | 'notes' | 'asked' | 'call' | 'follow' | 'close'>

function testClientOf(own: Own): TestClient {
  const { notes } = own
  return {
    ...own,
    told: (method, passes = () => true) =>
      eventually(`${method}; told ${JSON.stringify(notes).slice(0, 1000)}`, () =>
        notes.find((note) => note.method === method && passes(note)),
      ),
  }
}

export async function connectOld(place: Place, uris: readonly string[] = []): Promise<TestClient> {
  const [notes, asked]: [Note[], Note[]] = [[], []]
  const client = new OldClient(info, { capabilities })
  client.setRequestHandler(ElicitRequestSchema, ({ method, params }) => {
    asked.push({ method, params })
    return elicited
  })
  client.setRequestHandler(CreateMessageRequestSchema, ({ method, params }) => {
    asked.push({ method, params })
    return sampled
  })
  client.setRequestHandler(ListRootsRequestSchema, ({ method }) => {
    asked.push({ method })
    return { roots: uris.map((uri) => ({ uri, name: 'root' })) }
  })
  client.fallbackNotificationHandler = async ({ method, params }) => void notes.push({ method, params })
  const http = 'url' in place && place.bySse !== true ? new OldHttp(new URL(place.url), fetchOf(place)) : undefined
  const other = 'url' in place ? new OldSse(new URL('sse', place.url)) : new OldStdio(stdioOf(place))
  await client.connect(http ?? other)
  return testClientOf({
    client,
    notes,
    asked,
    call: (name, args = {}, onprogress = () => {}) =>
      client.callTool({ name, arguments: { ...args } }, undefined, { onprogress }),
    async follow(uri) {
      await client.subscribeResource({ uri })
      return () => client.unsubscribeResource({ uri })
    },
    async close() {
      await http?.terminateSession()
      await client.close()
    },
  })
}

interface Kind {
  readonly isStateless: boolean
  readonly canBeAsked: boolean
}

async function connectNew(
  place: Place,
  uris: readonly string[],
  { isStateless, canBeAsked }: Kind,
): Promise<TestClient> {
  const [notes, asked]: [Note[], Note[]] = [[], []]
  const client = new NewClient(info, {
    capabilities: canBeAsked ? capabilities : {},
    versionNegotiation: { mode: isStateless ? { pin: '2026-07-28' } : 'legacy' },
  })
  if (canBeAsked) answerQuestions(client, uris, asked)
  client.fallbackNotificationHandler = async ({ method, params }) => void notes.push({ method, params })
  const http = 'url' in place && place.bySse !== true ? new NewHttp(new URL(place.url), fetchOf(place)) : undefined
  const other = 'url' in place ? new NewSse(new URL('sse', place.url)) : new NewStdio(stdioOf(place))
  await client.connect(http ?? other)
  return testClientOf({
    client,
    notes,
    asked,
    call: (name, args = {}, onprogress = () => {}) => client.callTool({ name, arguments: { ...args } }, { onprogress }),
    async follow(uri) {
      if (isStateless) return (await client.listen({ resourceSubscriptions: [uri] })).close
      await client.subscribeResource({ uri })
      return () => client.unsubscribeResource({ uri })
    },
    async close() {
      if (!isStateless) await http?.terminateSession()
      await client.close()
    },
  })
}

function answerQuestions(client: NewClient, uris: readonly string[], asked: Note[]): void {
  client.setRequestHandler('elicitation/create', ({ method, params }) => {
    asked.push({ method, params })
    return elicited
  })
  client.setRequestHandler('sampling/createMessage', ({ method, params }) => {
    asked.push({ method, params })
    return sampled
  })
  client.setRequestHandler('roots/list', ({ method }) => {
    asked.push({ method })
    return { roots: uris.map((uri) => ({ uri, name: 'root' })) }
  })
}

const newSdk = (name: string, kind: Kind): Sdk => ({
  name,
  ...kind,
  connect: (place, uris = []) => connectNew(place, uris, kind),
})

export const sdks: readonly Sdk[] = [
  { name: 'SDK 1', isStateless: false, canBeAsked: true, connect: connectOld },
  newSdk('SDK 2', { isStateless: false, canBeAsked: true }),
  newSdk('SDK 2 without a session', { isStateless: true, canBeAsked: true }),
  newSdk('SDK 2 without a session, which cannot be asked', { isStateless: true, canBeAsked: false }),
]

/** The client whose answers from the server itself are the measure: in a session, with the same client description. */
export const comparedWith = (sdk: Sdk): Sdk =>
  sdk.isStateless ? newSdk('SDK 2', { isStateless: false, canBeAsked: sdk.canBeAsked }) : sdk

/** Whether a client can take a step. */
export const canTake = ({ isStateless, canBeAsked }: Sdk, [, , needs]: Step): boolean =>
  needs === undefined ||
  (needs === 'session' && !isStateless) ||
  (needs === 'questions' && canBeAsked) ||
  (needs === 'memory' && !(isStateless && canBeAsked))

function fetchOf(place: Served): { fetch?: typeof fetch } {
  return place.fetch ? { fetch: place.fetch } : {}
}

function stdioOf({ args, env }: Command): {
  command: string
  args: string[]
  env: Record<string, string>
  stderr: 'ignore'
} {
  const { PATH = '', HOME = '' } = process.env
  return { command: process.execPath, args: [...args], env: { PATH, HOME, ...env }, stderr: 'ignore' }
}

/**
 * One thing to ask, and its name. What it gives is compared; an error is compared too. Some things need a session, on
 * whose behalf the server acts outside of calls, a client that can be asked, or a process that remembers earlier calls.
 */
export type Step = readonly [
  name: string,
  take: (testClient: TestClient) => Promise<unknown>,
  needs?: 'session' | 'questions' | 'memory' | undefined,
]

/** What is asked of one server. */
export interface Script {
  readonly server: string
  /** Whether sessions meet in what the server keeps outside of its processes, so that two runs need two servers. */
  readonly keepsThings: boolean
  /** Whether the server asks its clients anything. */
  readonly asks: boolean
  /** Whether it can be loaded as a module, too. */
  readonly isModule?: boolean
  /** Makes what a run needs in a folder of its own. */
  prepare(folder: string): Promise<Fixture>
  /** Steps that end with an error, as they should. */
  readonly failing: readonly string[]
  /**
   * What a route may change of the answers to a client for each of whose calls a process is started: it takes these steps
   * over every route, and all of them over the first. All steps over all routes are hundreds of processes.
   */
  readonly changedByRoute?: (step: Step) => boolean
}

/** A server, what a client of it has, and what it asks. */
export interface Fixture extends Command {
  /** The file of the same server as a module. */
  readonly module?: string
  readonly roots: readonly string[]
  readonly steps: readonly Step[]
}

/** A step that calls a tool. */
export const calls = (name: string, params: Readonly<Record<string, unknown>> = {}, needs?: Step[2]): Step => [
  `calls ${name} with ${JSON.stringify(params)}`,
  (testClient) => testClient.call(name, params),
  needs,
]

/** What a client was given in each step: a value, or the error that it was told. */
export async function play(testClient: TestClient, steps: readonly Step[]): Promise<Map<string, unknown>> {
  const given = new Map<string, unknown>()
  for (const [name, take] of steps) {
    given.set(given.has(name) ? `${name}, again` : name, await take(testClient).catch(errorOf))
  }
  return given
}

function errorOf(error: unknown): object {
  const { name, code, message, data } = error as Error & { code?: unknown; data?: unknown }
  return { error: { name, code, message, data } }
}
