/** What a `CatalogSource` promises, and the `Catalog` of several servers as one. */
import assert from 'node:assert/strict'
import { isObject, type JsonValue, type RawObject } from '../../protocol/json-text.ts'
import type { CatalogSource } from '../../upstreams/upstream.ts'
import { until } from '../contract/until.ts'
import type { ContractClient, UpstreamFixture, UpstreamTest } from './fixture.ts'

const toolList = 'tools/list'

/** The names of the tools that the client is listed now. */
async function toolsOf({ lists }: UpstreamFixture, { caller }: ContractClient): Promise<unknown[]> {
  if ('catalog' in lists) {
    const listed = await lists.catalog.page(caller, toolList, undefined)
    return 'error' in listed ? [] : namesIn(listed.page.result)
  }
  const { source } = lists
  const answer = await source.list(caller, source.sourceOf(caller, toolList), toolList, undefined)
  return answer.kind === 'result' ? namesIn(answer.result) : []
}

function namesIn({ value }: RawObject): JsonValue[] {
  const tools = value['tools']
  return Array.isArray(tools) ? tools.map((tool: JsonValue) => (isObject(tool) ? (tool['name'] ?? null) : null)) : []
}

function sourceOf({ lists }: UpstreamFixture): CatalogSource {
  assert.ok('source' in lists, 'a single server has a source of lists')
  return lists.source
}

export function catalogContract(isSingle: boolean, upstreamTest: UpstreamTest): void {
  upstreamTest('describes the server to a client', async ({ client, lists }) => {
    const { caller } = client('ada')
    const descriptions: RawObject[] = []
    if ('catalog' in lists) {
      descriptions.push(lists.catalog.descriptionAtHand(caller), await lists.catalog.serverDescription(caller))
    } else {
      const { source } = lists
      descriptions.push(source.startDescription(caller))
      descriptions.push(await source.serverDescription(caller, source.sourceOf(caller, undefined), true))
      assert.equal(source.eraOf(caller), caller.client.era)
    }
    for (const { value } of descriptions) {
      const { capabilities } = value
      assert.ok(isObject(capabilities) && isObject(capabilities['tools']))
    }
  })

  upstreamTest('has the lists of the server', async (fixture) => {
    const tools = await toolsOf(fixture, fixture.client('ada'))
    assert.ok(tools.includes(fixture.toolName('echo')))
    assert.ok(!tools.includes(fixture.toolName('added_1')))
  })

  upstreamTest('has the new list after a change', async (fixture) => {
    const { client, toolName } = fixture
    const ada = client('ada')
    await toolsOf(fixture, ada)
    await ada.outcome('touch-list')
    await until('the new list is there', async () => (await toolsOf(fixture, ada)).includes(toolName('added_1')))
  })

  upstreamTest('has nothing more to say after the close', async (fixture) => {
    const { client, upstream } = fixture
    await upstream.close()
    const ada = client('ada')
    const tools = toolsOf(fixture, ada)
    if ('source' in fixture.lists) await assert.rejects(tools)
    // Of several servers, those that do not answer are left out.
    else assert.deepEqual(await tools.catch(() => []), [])
  })

  if (!isSingle) return
  upstreamTest('reports a changed list under its source, which then has the new one', async (fixture) => {
    const source = sourceOf(fixture)
    const ada = fixture.client('ada')
    const stale: string[] = []
    source.onStale((key, list) => stale.push(`${list} of ${key}`))
    await ada.outcome('touch-list')
    await until('the change is reported', () =>
      stale.includes(`${toolList} of ${source.sourceOf(ada.caller, toolList)}`),
    )
    assert.ok((await toolsOf(fixture, ada)).includes('added_1'))
  })

  upstreamTest('can have a list from a worker of the own group of a caller', async (fixture) => {
    const source = sourceOf(fixture)
    const { caller } = fixture.client('ada')
    await fixture.client('ada').outcome('echo', { text: '' })
    const key = await source.own(caller, toolList)
    assert.equal(source.sourceOf(caller, toolList), key)
    assert.equal((await source.list(caller, key, toolList, undefined)).kind, 'result')
  })
}
