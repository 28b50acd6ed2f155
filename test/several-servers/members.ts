/** Routers over real processes, for the tests that run: each member is a stdio server of test/fixtures/. */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { Cancel } from '../../src/base/cancel.ts'
import { systemClock } from '../../src/base/clock.ts'
import { createEvents } from '../../src/base/events.ts'
import { type LogFields, silentLog } from '../../src/base/log.ts'
import { createMemoryBudget, type MemoryBudget } from '../../src/base/memory-budget.ts'
import { type Catalog, createCatalog } from '../../src/catalog/catalog.ts'
import { onlyUpstream } from '../support/only-upstream.ts'
import { fillSettings } from '../../src/config/assemble.ts'
import { thisMachine } from '../../src/config/load.ts'
import type { Call, Caller, Filter, Outcome, Update } from '../../src/protocol/call.ts'
import { isObject, type JsonObject, rawObject } from '../../src/protocol/json-text.ts'
import type { Member } from '../../src/router/member.ts'
import { createRouter, type Router, type RouterNeeds } from '../../src/router/router.ts'
import type { Subscription } from '../../src/upstreams/upstream.ts'
import { createStdioUpstream } from '../../src/upstreams/stdio/stdio-upstream.ts'

export const scripted: string = join(import.meta.dirname, '..', 'fixtures', 'scripted-server.mjs')

const memory: MemoryBudget = createMemoryBudget(512 * 1024 ** 2)

/** A member whose process is ended with the test. */
export function memberOf(name: string, ...server: readonly string[]): Member {
  const partial = { upstream: { command: process.execPath, args: server, spares: 0 } }
  const upstream = createStdioUpstream({
    settings: onlyUpstream(fillSettings(partial, thisMachine())),
    hasOneClient: false,
    queue: 100,
    queueWaitMs: 30_000,
    clock: systemClock,
    log: silentLog,
    events: createEvents(),
    memory,
    endSuspendedCalls: () => {},
  })
  onTestFinished(() => upstream.close({ force: true }))
  const catalog = createCatalog({
    catalogSource: upstream.catalog,
    memory,
    listAgeMs: 300_000,
    onChange: 'allow',
    boundArgs: undefined,
    events: createEvents(),
    clock: systemClock,
    log: silentLog,
  })
  return { name, upstream, catalog }
}

export interface RouterUnderTest {
  readonly router: Router
  readonly catalog: Catalog
  /** The warnings and notes that it has logged. */
  readonly log: ReadonlyArray<LogFields & { readonly message: string }>
  client(name: string, era?: 'legacy' | 'modern'): RouterClient
}

/** A router over these members that has been started. */
export async function routerOver(
  members: readonly Member[],
  needs: Partial<RouterNeeds> = {},
): Promise<RouterUnderTest> {
  const log: Array<LogFields & { readonly message: string }> = []
  const note = (fields: LogFields, message: string): void => void log.push({ ...fields, message })
  const router = createRouter({
    members,
    naming: { hasPrefix: true },
    memberWaitMs: 2000,
    memory,
    clock: systemClock,
    log: { ...silentLog, info: note, warn: note },
    ...needs,
  })
  onTestFinished(() => router.release())
  await router.upstream.start(() => {})
  return {
    router,
    catalog: router.catalog,
    log,
    client: (name, era = 'legacy') => new RouterClient(router, name, era),
  }
}

const version = { legacy: '2025-11-25', modern: '2026-07-28' }

/** A client of a router: one session, or a client without sessions. */
export class RouterClient {
  readonly caller: Caller
  readonly #router: Router

  constructor(router: Router, name: string, era: 'legacy' | 'modern') {
    this.#router = router
    this.caller = {
      principal: { tenant: 'test', subject: name },
      client: { era, version: version[era], capabilities: {}, info: { name: 'test', version: '1' } },
      session: era === 'legacy' ? `session of ${name}` : undefined,
    }
  }

  async request(method: string, params: JsonObject, of: Partial<Call> = {}): Promise<Outcome> {
    const { caller } = this
    const meta =
      caller.session === undefined
        ? {
            'io.modelcontextprotocol/protocolVersion': caller.client.version,
            'io.modelcontextprotocol/clientCapabilities': {},
          }
        : {}
    const reply = this.#router.upstream.call({
      ...caller,
      id: '1',
      method,
      params: rawObject({ ...params, _meta: { ...meta, ...(isObject(params['_meta']) ? params['_meta'] : {}) } }),
      fairnessKey: caller.principal.subject,
      clientKey: caller.session ?? caller.principal.subject,
      progressToken: undefined,
      logLevel: undefined,
      worker: undefined,
      cancel: new Cancel(),
      ...of,
    })
    for (;;) {
      const step = await reply.next()
      if (step.done === true) return step.value
    }
  }

  /** The result of a request. Throws the error of the server. */
  async result(method: string, params: JsonObject, of: Partial<Call> = {}): Promise<JsonObject> {
    const { answer } = await this.request(method, params, of)
    if (answer.kind === 'error') throw new Error(answer.error.text)
    return answer.result.value
  }

  /** The text that a tool returns. */
  async text(tool: string, args: JsonObject = {}, of: Partial<Call> = {}): Promise<string> {
    const { content } = await this.result('tools/call', { name: tool, arguments: args }, of)
    const [first] = Array.isArray(content) ? content : []
    return isObject(first) && typeof first['text'] === 'string' ? first['text'] : ''
  }

  /** All pages of a list as one. */
  async list(method: string): Promise<{ readonly entries: readonly JsonObject[]; readonly meta: unknown }> {
    const entries: JsonObject[] = []
    for (let cursor: unknown = undefined; ;) {
      const listed = await this.#router.catalog.page(this.caller, method, cursor)
      if ('error' in listed) throw new Error('the list is an error')
      const { value } = listed.page.result
      for (const list of Object.values(value)) if (Array.isArray(list)) entries.push(...(list as JsonObject[]))
      cursor = value['nextCursor']
      if (typeof cursor !== 'string') return { entries, meta: value['_meta'] }
    }
  }

  async tools(): Promise<readonly unknown[]> {
    return (await this.list('tools/list')).entries.map(({ name }) => name)
  }

  /** Subscribes; `seen` is filled with what comes. */
  async subscribe(filter: Partial<Filter>): Promise<{ readonly seen: Update[]; readonly subscription: Subscription }> {
    const seen: Update[] = []
    const subscription = await this.#router.upstream.subscribe(
      this.caller,
      {
        toolsListChanged: false,
        promptsListChanged: false,
        resourcesListChanged: false,
        resourceUris: new Set(),
        ...filter,
      },
      { deliver: (update) => void seen.push(update), isRead: () => true },
    )
    return { seen, subscription }
  }
}
