import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type JsonObject, rawObject, type RawObject } from '../protocol/json-text.ts'
import { type Answer, errorAnswer } from '../protocol/jsonrpc.ts'
import { isSame, learnPages, pageAt, type Pages } from './pages.ts'

interface Server {
  readonly asked: Array<string | undefined>
  ask(cursor: string | undefined): Promise<Answer>
  /** What clients may see of a page; all of it by default. */
  shown?(page: RawObject): RawObject
}

/** A server with so many pages, each with its number as content, and with arbitrary cursors. */
function serverOf(cursors: readonly string[], ttls: ReadonlyArray<number | undefined> = []): Server {
  const asked: Array<string | undefined> = []
  return {
    asked,
    ask(cursor) {
      asked.push(cursor)
      const at = cursor === undefined ? 0 : cursors.indexOf(cursor) + 1
      const [nextCursor, ttlMs] = [cursors[at], ttls[at]]
      const result = rawObject({
        tools: [{ name: `tool_${at}` }],
        ...(nextCursor !== undefined && { nextCursor }),
        ...(ttlMs !== undefined && { ttlMs }),
      })
      return Promise.resolve({ kind: 'result', result })
    },
  }
}

const learn = (server: Server, take: (bytes: number) => boolean = () => true): Promise<Pages> =>
  learnPages(
    (cursor) => server.ask(cursor),
    (page) => server.shown?.(page) ?? page,
    { era: 'modern', isForAll: false },
    (ttlMs = -1) => ({ untilMs: ttlMs, usableUntilMs: ttlMs, longestTtlMs: ttlMs }),
    take,
  )
const cursors = fc.uniqueArray(fc.string(), { maxLength: 9 })

/** All pages that a client gets by following the cursors. */
function follow(pages: Pages): { names: unknown[]; given: string[] } {
  const [names, given]: [unknown[], string[]] = [[], []]
  for (let cursor: unknown = undefined; ;) {
    const { value, text } = pageAt(pages, cursor).result
    assert.deepEqual(JSON.parse(text), value)
    names.push(...(value['tools'] as ReadonlyArray<{ name: string }>).map(({ name }) => name))
    cursor = value['nextCursor']
    if (typeof cursor !== 'string') return { names, given }
    given.push(cursor)
  }
}

test('a tool is idempotent if it says so, or that it reads only: in these words and as true', async () => {
  const said: Readonly<Record<string, JsonObject>> = {
    reads: { annotations: { readOnlyHint: true } },
    sets: { annotations: { readOnlyHint: false, idempotentHint: true } },
    adds: { annotations: { readOnlyHint: false, idempotentHint: false, destructiveHint: true } },
    texts: { annotations: { readOnlyHint: 'true', idempotentHint: 1 } },
    elsewhere: { readOnlyHint: true, idempotentHint: true },
    list: { annotations: [{ readOnlyHint: true }] },
    silent: {},
  }
  const tools = Object.entries(said).map(([name, more]) => ({ name, ...more }))
  const { idempotent } = await learn({ asked: [], ask: async () => ({ kind: 'result', result: rawObject({ tools }) }) })
  expect([...idempotent]).toEqual(['reads', 'sets'])
})

describe('a list', () => {
  test('is fetched completely, and its pages are found by our own cursors', async () => {
    await fc.assert(
      fc.asyncProperty(cursors, async (theirs) => {
        const server = serverOf(theirs)
        const pages = await learn(server)
        expect(server.asked).toEqual([undefined, ...theirs])
        const { names, given } = follow(pages)
        expect(names).toEqual([...theirs, ''].map((_, at) => `tool_${at}`))
        expect(new Set(given).size).toBe(theirs.length)
        expect(pages.cut).toBe(false)
      }),
    )
  })

  test.each([
    ['the same page for ever', (): string[] => ['a', 'b'], ['a', 'b']],
    ['a page that is new in part', (at: number): string[] => (at === 0 ? ['a', 'b'] : ['b', 'c']), ['a', 'b', 'c']],
  ])('whose cursor never advances ends after %s, without duplicates', async (_, namesAt, names) => {
    let count = 0
    const pages = await learn({
      asked: [],
      ask: () => {
        const tools = namesAt(count++).map((name) => ({ name }))
        return Promise.resolve({ kind: 'result', result: rawObject({ tools, nextCursor: 'again' }) })
      },
    })
    expect(count).toBe(2)
    expect(follow(pages).names).toEqual(names)
    expect([pages.fault, pages.cut]).toEqual(['cursor_repeats', false])
  })

  test.each([
    [7, 'cursor_is_no_text'],
    [{ at: 2 }, 'cursor_is_no_text'],
    [null, undefined],
  ])('ends at the cursor %j', async (nextCursor, fault) => {
    const result = rawObject({ tools: [{ name: 'a' }], nextCursor })
    const pages = await learn({ asked: [], ask: () => Promise.resolve({ kind: 'result', result }) })
    expect(follow(pages).names).toEqual(['a'])
    expect(pages.fault).toBe(fault)
  })

  test('that never ends is cut, and ends for clients', async () => {
    let count = 0
    const endless: Server = {
      asked: [],
      ask: () =>
        Promise.resolve({
          kind: 'result',
          result: rawObject({ tools: [{ name: `${++count}` }], nextCursor: `${count}` }),
        }),
    }
    const pages = await learn(endless)
    expect(pages.cut).toBe(true)
    expect(count).toBe(10)
    expect(follow(pages).names).toHaveLength(count)
  })

  test('with more tools than any client can use is cut before its tools are looked at', async () => {
    const said = [...Array(20_000).keys()].map((at) => `{ "name": "tool_${at}", "size": 1.50 }`)
    const page = (tools: readonly string[], more: string): RawObject => {
      const text = `{ "tools": [${tools.join(' , ')} ] ${more} }`
      return { value: JSON.parse(text) as JsonObject, text }
    }
    const lists = [page(said.slice(0, 700), ', "nextCursor": "2"'), page(said.slice(700), ', "nextCursor": "3"')]
    const looked: number[] = []
    const pages = await learn({
      asked: [],
      ask: () => Promise.resolve({ kind: 'result', result: lists.shift() ?? assert.fail('a third page') }),
      shown(one) {
        looked.push((one.value['tools'] as readonly unknown[]).length)
        assert.deepEqual(JSON.parse(one.text), one.value)
        return one
      },
    })
    expect(looked).toEqual([700, 300])
    expect([pages.cut, pages.names.size, pages.fault]).toEqual([true, 1000, undefined])
    expect(follow(pages).names).toHaveLength(1000)
    expect(pages.pages[1]?.result.text.match(/"size": 1\.50 /g), 'texts are exact').toHaveLength(300)
  })

  test('is cut if there is no memory for all pages, and refused if there is none for the first', async () => {
    const server = serverOf(['1', '2', '3'])
    let room = 2
    const pages = await learn(server, () => room-- > 0)
    expect(pages.cut).toBe(true)
    expect(follow(pages)).toEqual({ names: ['tool_0', 'tool_1'], given: [expect.stringMatching(/\.1$/)] })
    await expect(learn(server, () => false)).rejects.toMatchObject({ code: 'overloaded' })
  })

  test('counts all that is kept of it, and encoded texts are kept only if there is memory', async () => {
    let [held, most] = [0, 5000]
    const take = (bytes: number): boolean => {
      if (held + bytes > most) return false
      held += bytes
      return true
    }
    const { encoded } = pageAt(await learn(serverOf([]), take), undefined)
    expect(held).toBeGreaterThan(1024)
    encoded.keep('2025-11-25', 'x'.repeat(3000))
    expect(encoded.get('2025-11-25')).toHaveLength(3000)
    most = held
    encoded.keep('2026-07-28', 'y')
    expect(encoded.get('2026-07-28')).toBeUndefined()
  })

  test('that the server refuses is returned as the server’s own error', async () => {
    const error = errorAnswer(-32601, 'no such list')
    const pages = await learn({ asked: [], ask: () => Promise.resolve(error) })
    expect(pages).toMatchObject({ error, pages: [], freshness: { untilMs: 0 } })
  })

  test('is fresh as long as the shortest `ttlMs` of its pages', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(fc.nat(), { nil: undefined }), { minLength: 1, maxLength: 5 }),
        async (ttls) => {
          const pages = await learn(
            serverOf(
              ttls.slice(1).map(String),
              ttls.map((ttl) => ttl),
            ),
          )
          const said = ttls.filter((ttl) => ttl !== undefined)
          fc.pre(new Set(ttls.slice(1).map(String)).size === ttls.length - 1)
          expect(pages.freshness.untilMs).toBe(said.length === 0 ? -1 : Math.min(...said))
        },
      ),
    )
  })
})

describe('a cursor', () => {
  const refused = expect.objectContaining({ code: 'invalid_params' })

  test('that was not issued for this list is refused', async () => {
    const pages = await learn(serverOf(['a', 'b']))
    const { given } = follow(pages)
    const odd = fc.oneof(
      fc.jsonValue(),
      fc.string().map((tail) => `${pages.generation}.${tail}`),
      fc
        .constantFrom('', '.', '.1', '1.', ' 1', '1 ', '01', '1.0', '1e0', '0x1', '-0', '-1', '3', 'length')
        .map((tail) => `${pages.generation}.${tail}`),
      fc.constantFrom('.1', '1', 'x.1', 'a', 'b', ...given.map((cursor) => `${cursor} `)),
    )
    fc.assert(
      fc.property(odd, (cursor) => {
        fc.pre(typeof cursor !== 'string' || !given.includes(cursor))
        expect(() => pageAt(pages, cursor)).toThrow(refused)
      }),
    )
  })

  test('stays valid as long as the content of the list does not change', async () => {
    const [before, same, changed] = await Promise.all(
      [['a'], ['a'], ['a', 'b']].map((theirs) => learn(serverOf(theirs))),
    )
    assert(before && same && changed)
    const [cursor] = follow(before).given
    expect(pageAt(before, cursor).result.value['tools']).toEqual([{ name: 'tool_1' }])
    expect(pageAt(same, cursor).result.text).toBe(pageAt(before, cursor).result.text)
    expect(isSame(before, same)).toBe(true)
    expect(() => pageAt(changed, cursor)).toThrow(refused)
    expect(isSame(before, changed)).toBe(false)
  })
})
