/** What a server lists, and what changes in it. */
import type { JsonMap } from '../../support/rpc.ts'
import { resultOf } from '../test-client.ts'
import { always, call, endsWithCall, type Feature, holds, isStateless, listAll, same, toolNamed } from './feature.ts'

const section = 'Lists'

const lists = [
  { method: 'tools/list', key: 'tools', by: 'name', has: ['text', 'ask', 'wait', 'view'] },
  { method: 'resources/list', key: 'resources', by: 'uri', has: ['feature://texts/0', 'feature://texts/11'] },
  { method: 'resources/templates/list', key: 'resourceTemplates', by: 'name', has: ['values', 'kind-10'] },
  { method: 'prompts/list', key: 'prompts', by: 'name', has: ['greet', 'plain-8'] },
] as const

const listing = lists.map(({ method, key, by, has }): Feature => ({
  section,
  name: `\`${method}\`, page by page`,
  async check(testClient) {
    const names = (await listAll(testClient, method, key)).map((entry) => String(entry[by]))
    holds(
      'every entry',
      has.every((name) => names.includes(name)),
      names,
    )
    same(new Set(names).size, names.length)
    return 'works'
  },
  expected: always('works'),
}))

const changes = (['tools', 'prompts', 'resources'] as const).map((kind): Feature => ({
  section,
  name: `Word that ${kind} changed`,
  async check(testClient, lane) {
    await testClient.watch()
    const name = `added-${lane.client}-${lane.server}-${lane.transport}`.replaceAll(/\W/g, '-')
    const since = testClient.received.length
    await call(testClient, 'change', { kind, name })
    await testClient.told(
      `word that ${kind} changed`,
      since,
      ({ method }) => method === `notifications/${kind}/list_changed`,
    )
    const names = (await listAll(testClient, `${kind}/list`, kind)).map((entry) => entry['name'])
    if (endsWithCall(lane)) {
      holds('what it changed to be gone', !names.includes(name), names)
      return 'works: what a call changes ends with its process'
    }
    holds('the new one in the list', names.includes(name), names)
    return 'works'
  },
  expected: (lane) => (endsWithCall(lane) ? 'works: what a call changes ends with its process' : 'works'),
}))

export const listFeatures: readonly Feature[] = [
  ...listing,
  {
    section,
    name: 'A cursor that no list gave is refused',
    async check(testClient) {
      same((await testClient.request('tools/list', { cursor: 'nobody/4' })).error?.code, -32602)
      return 'works: by `-32602`'
    },
    expected: always('works: by `-32602`'),
  },
  {
    section,
    name: 'Cache hints',
    async check(testClient) {
      const results = [resultOf(await testClient.request('tools/list')), resultOf(await readText(testClient))]
      for (const { ttlMs, cacheScope } of results) {
        if (!testClient.isStateless) same([ttlMs, cacheScope], [undefined, undefined])
        else {
          holds('a time', Number.isInteger(ttlMs) && Number(ttlMs) >= 0, ttlMs)
          holds('a scope', ['public', 'private'].includes(String(cacheScope)), cacheScope)
        }
      }
      return testClient.isStateless ? 'works' : '-: left out'
    },
    expected: (lane) => (isStateless(lane) ? 'works' : '-: left out'),
  },
  {
    section,
    name: '`_meta` of entries (MCP Apps)',
    async check(testClient) {
      const view = await toolNamed(testClient, 'view')
      same((view?.['_meta'] as JsonMap | undefined)?.['ui'], { resourceUri: 'ui://feature/view' })
      const uri = 'ui://feature/view'
      const { contents } = resultOf(await testClient.request('resources/read', { uri }))
      same((contents as JsonMap[])[0]?.['mimeType'], 'text/html;profile=mcp-app')
      return 'works'
    },
    expected: always('works'),
  },
  ...changes,
]

const readText = (testClient: {
  request(method: string, params: JsonMap): ReturnType<typeof call>
}): ReturnType<typeof call> => testClient.request('resources/read', { uri: 'feature://texts/0' })
