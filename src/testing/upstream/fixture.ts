/** The fixture of the tests for upstreams: an upstream that runs, and clients of it. */
import assert from 'node:assert/strict'
import { Cancel } from '../../base/cancel.ts'
import { Refusal, type RefusalCode } from '../../base/refusal.ts'
import type {
  Call,
  Caller,
  ClientDescription,
  Filter,
  InputRequest,
  Notification,
  Outcome,
  Reply,
} from '../../protocol/call.ts'
import { isObject, type JsonObject, type JsonValue, rawObject } from '../../protocol/json-text.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import type { CatalogSource, Subscriber, Subscription, Upstream, UpstreamFacts } from '../../upstreams/upstream.ts'

/** An upstream that has not been started, made for one test. */
export interface UpstreamUnderTest {
  readonly upstream: Upstream
  /** Where the lists come from: the source of a single server, or the catalogue of several as one. */
  readonly lists: { readonly source: CatalogSource } | { readonly catalog: Catalog }
  /** Whether nothing of it is left: no process, no connection. */
  isGone(): boolean | Promise<boolean>
}

export interface UpstreamContract {
  describe(name: string, define: () => void): unknown
  it(name: string, run: () => Promise<void>): unknown
  make(): UpstreamUnderTest | Promise<UpstreamUnderTest>
  /** The same, but its server cannot be started. */
  makeUnstartable(): UpstreamUnderTest | Promise<UpstreamUnderTest>
  /** The description of the clients in the tests: of the server's era, with the capability `elicitation`. */
  readonly client: ClientDescription
  /** The `_meta` that each request of such a client has; empty in the era of sessions. */
  readonly requestMeta: JsonObject
  /** Whether these clients have sessions, each with a worker of its own. */
  readonly hasSessions: boolean
  /** Whether the upstream is one server, which has a source of lists; if not, it has a catalogue. */
  readonly isSingle: boolean
  /** The name under which clients see a tool of the server; its own if left out. */
  readonly toolName?: (own: string) => string
  /** The URI under which clients see a resource of the server; its own if left out. */
  readonly resourceUri?: (own: string) => string
  /** Words that a refusal must not hold, since clients may read it: the path of the server's program, for example. */
  readonly internals: readonly string[]
}

export interface UpstreamFixture {
  readonly upstream: Upstream
  readonly lists: UpstreamUnderTest['lists']
  readonly facts: UpstreamFacts
  /** The name of a tool, and the URI of a resource, for clients. */
  toolName(own: string): string
  resourceUri(own: string): string
  /** A client by its name: the same session for the same name, where clients have sessions. */
  client(name: string): ContractClient
  /** Expects that a step is refused with this code, in words that hold nothing of the inside. */
  refused(step: Promise<unknown>, code: RefusalCode): Promise<void>
  isGone(): boolean | Promise<boolean>
}

/** Defines one test: the promise as a sentence, and the steps that check it on an upstream that was started. */
export type UpstreamTest = (sentence: string, run: (fixture: UpstreamFixture) => Promise<void>) => void

/** Makes and starts an upstream, runs the test on it, and closes it. */
export async function runUpstreamTest(
  contract: UpstreamContract,
  run: (fixture: UpstreamFixture) => Promise<void>,
): Promise<void> {
  const { upstream, lists, isGone } = await contract.make()
  try {
    const facts = await upstream.start(() => {})
    await run({
      upstream,
      lists,
      facts,
      toolName: contract.toolName ?? ((own) => own),
      resourceUri: contract.resourceUri ?? ((own) => own),
      client: (name) => new ContractClient(upstream, contract, name),
      refused: (step, code) => refusedWithoutInternals(step, code, contract.internals),
      isGone,
    })
  } finally {
    await upstream.close()
  }
}

/** Expects a `Refusal` with this code that holds none of the words. */
export async function refusedWithoutInternals(
  step: Promise<unknown>,
  code: RefusalCode,
  internals: readonly string[],
): Promise<void> {
  await assert.rejects(step, (error) => {
    assert.ok(error instanceof Refusal, `no refusal: ${String(error)}`)
    assert.equal(error.code, code)
    const { message, data, headers } = error.details
    const words = JSON.stringify([error.message, message, data, headers])
    for (const word of internals) assert.ok(!words.includes(word), `the refusal holds ${word}`)
    return true
  })
}

/** Subscribed to nothing. */
export const noChanges: Filter = {
  toolsListChanged: false,
  promptsListChanged: false,
  resourcesListChanged: false,
  resourceUris: new Set(),
}

/** A notification as it was when it arrived: its params are released when the next one is asked for. */
export type Seen = Pick<Notification, 'method' | 'params'>

export class ContractClient {
  readonly caller: Caller
  readonly #upstream: Upstream
  readonly #requestMeta: JsonObject
  readonly #name: string
  readonly #toolName: (own: string) => string
  #calls = 0

  constructor(
    upstream: Upstream,
    {
      client,
      requestMeta,
      hasSessions,
      toolName = (own) => own,
    }: Pick<UpstreamContract, 'client' | 'requestMeta' | 'hasSessions' | 'toolName'>,
    name: string,
  ) {
    this.#upstream = upstream
    this.#requestMeta = requestMeta
    this.#name = name
    this.#toolName = toolName
    const principal = { tenant: 'contract', subject: name }
    this.caller = { principal, client, session: hasSessions ? `session of ${name}` : undefined }
  }

  /** A call of a tool. @param more further members of the params */
  call(tool: string, args: JsonObject = {}, of: Partial<Call> = {}, more: JsonObject = {}): Call {
    const { caller } = this
    const token = of.progressToken === undefined ? {} : { progressToken: JSON.parse(of.progressToken) as string }
    return {
      ...caller,
      id: String(++this.#calls),
      method: 'tools/call',
      params: rawObject({
        name: this.#toolName(tool),
        arguments: args,
        ...more,
        _meta: { ...this.#requestMeta, ...token },
      }),
      fairnessKey: this.#name,
      clientKey: caller.session ?? `${this.#name}/${this.#calls}`,
      progressToken: undefined,
      logLevel: undefined,
      worker: undefined,
      cancel: new Cancel(),
      ...of,
    }
  }

  begin(call: Call): Reply {
    return this.#upstream.call(call)
  }

  /** Runs a call of a tool to its end. */
  async outcome(tool: string, args: JsonObject = {}): Promise<Outcome> {
    return (await readReply(this.begin(this.call(tool, args)))).outcome
  }

  /** The text that a tool returns. */
  async text(tool: string, args: JsonObject = {}): Promise<string> {
    return toolText(await this.outcome(tool, args))
  }

  /** What a tool returns as JSON. */
  async json(tool: string): Promise<JsonObject> {
    const value: unknown = JSON.parse(await this.text(tool))
    assert.ok(isObject(value))
    return value
  }

  /** Begins a call that is at work at the server, and sends progress until it is ended. */
  async atWork(of: Partial<Call> = {}): Promise<Reply> {
    const reply = this.begin(this.call('slow', { ms: 60_000, steps: 1200 }, { progressToken: '"at work"', ...of }))
    assert.equal((await reply.next()).done, false)
    return reply
  }

  /** Subscribes; `seen` is filled with the notifications as they come. */
  async subscribe(filter: Partial<Filter>): Promise<{ seen: Seen[]; subscription: Subscription }> {
    const seen: Seen[] = []
    const subscriber: Subscriber = {
      deliver(update) {
        if (update.kind === 'notification') seen.push({ method: update.method, params: update.params })
      },
      isRead: () => true,
    }
    return { seen, subscription: await this.#upstream.subscribe(this.caller, { ...noChanges, ...filter }, subscriber) }
  }
}

/** Reads a reply to its end. @param asked gets the input requests */
export async function readReply(
  reply: Reply,
  asked: (request: InputRequest) => void = () => assert.fail('the client was asked'),
): Promise<{ readonly seen: readonly Seen[]; readonly outcome: Outcome }> {
  const seen: Seen[] = []
  for (;;) {
    const step = await reply.next()
    if (step.done === true) return { seen, outcome: step.value }
    const update = step.value
    if (update.kind === 'notification') seen.push({ method: update.method, params: update.params })
    else asked(update)
  }
}

/** Reads on until the reply fails or ends. */
export async function readOn(reply: Reply): Promise<void> {
  while ((await reply.next()).done !== true);
}

/** The text of a tool result. */
export function toolText({ answer }: Outcome): string {
  assert.equal(answer.kind, 'result')
  const content: JsonValue | undefined = answer.kind === 'result' ? answer.result.value['content'] : undefined
  const [first] = Array.isArray(content) ? content : []
  const text = isObject(first) ? first['text'] : undefined
  assert.ok(typeof text === 'string')
  return text
}
