/** Tests that a list costs no more than the tools that are kept of it, however many the server lists. */
import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { createEvents } from '../base/events.ts'
import { silentLog } from '../base/log.ts'
import { createMemoryBudget } from '../base/memory-budget.ts'
import type { Caller } from '../protocol/call.ts'
import { type JsonObject, rawObject, type RawObject } from '../protocol/json-text.ts'
import type { CatalogSource } from '../upstreams/upstream.ts'
import { createCatalog, type LearntCatalog } from './catalog.ts'

const kept = 1000

/** A list, and the numbers of its tools of which anything was looked at. */
function watchedList(length: number): { readonly list: RawObject; readonly touched: ReadonlySet<number> } {
  const touched = new Set<number>()
  const numbers = [...Array(length).keys()]
  const tools = numbers.map((at) => ({
    name: `t${at}`,
    description: '\u0007',
    inputSchema: { properties: { org_id: {} } },
  }))
  const watched = tools.map(
    (tool, at): JsonObject =>
      new Proxy<JsonObject>(tool, {
        get: (target, key: string) => {
          touched.add(at)
          return target[key]
        },
        ownKeys: (target) => {
          touched.add(at)
          return Reflect.ownKeys(target)
        },
      }),
  )
  return { list: { value: { tools: watched }, text: JSON.stringify({ tools }) }, touched }
}

/** A catalogue whose server gives each session a list of its own, or has one for all. */
function catalogOf(
  list: RawObject,
  kind: 'common' | 'own',
): { readonly catalog: LearntCatalog; readonly asked: string[] } {
  const asked: string[] = []
  const serverDescription = rawObject({ capabilities: { tools: { listChanged: true } } })
  const catalogSource: CatalogSource = {
    sourceOf: () => 'common',
    commonSourceOf: () => 'common',
    withoutName: (source) => source,
    isForAll: () => false,
    isWithoutExtensions: () => true,
    isEmptyProfile: () => false,
    eraOf: () => 'legacy',
    serverDescription: () => Promise.resolve(serverDescription),
    startDescription: () => serverDescription,
    list(_, source) {
      asked.push(source)
      return Promise.resolve({ kind: 'result', result: list })
    },
    own: () => Promise.resolve('own'),
    onStale() {},
    follows: (source, changed) => source === changed,
    announceToAll() {},
    announce() {},
    ownLists: { due: () => (kind === 'own' ? { source: 'own', done() {} } : undefined), onFirstCall() {} },
  }
  const catalog = createCatalog({
    catalogSource,
    memory: createMemoryBudget(2 ** 30),
    listAgeMs: 300_000,
    onChange: 'alert',
    boundArgs: { org_id: 'o' },
    events: createEvents(),
    clock: manualClock(),
    log: silentLog,
  })
  return { catalog, asked }
}

const caller: Caller = {
  principal: { tenant: '', subject: '' },
  client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined },
  session: 's',
}

test.each(['common', 'own'] as const)(
  'of a huge %s list, tools past the limit are neither hashed nor bound nor escaped, nor looked up',
  async (kind) => {
    const { list, touched } = watchedList(20_000)
    const { catalog, asked } = catalogOf(list, kind)
    for (let time = 0; time < 2; time++) {
      const given = await catalog.page(caller, 'tools/list', undefined)
      const shown = 'page' in given ? given.page.result.text : ''
      expect(shown.match(/"name"/g)).toHaveLength(kept)
      expect(/org_id|[^\\]\\u0007/.test(shown), 'a bound argument or a control character is shown').toBe(false)
      expect(await catalog.boundArgsOf(caller, 't999')).toEqual(['org_id'])
      expect(await catalog.boundArgsOf(caller, 't1000')).toBeUndefined()
      expect(catalog.isListed(caller, 'tools/list', 't1000')).toBe(false)
    }
    expect(asked).toContain(kind)
    expect(touched.size).toBe(kept)
    expect(catalog.definitions.state.watched.size).toBe(kept)
  },
)
