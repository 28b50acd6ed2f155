/** What `catalog` promises. */
import assert from 'node:assert/strict'
import { isObject } from '../../protocol/json-text.ts'
import { until } from '../contract/until.ts'
import type { ContractClient, UpstreamFixture, UpstreamTest } from './fixture.ts'

const toolList = 'tools/list'

/** The names of the tools that the client is listed now. */
async function toolsOf({ upstream: { catalog } }: UpstreamFixture, { caller }: ContractClient): Promise<unknown[]> {
  const answer = await catalog.list(caller, catalog.sourceOf(caller, toolList), toolList, undefined)
  const tools = answer.kind === 'result' ? answer.result.value['tools'] : undefined
  return Array.isArray(tools) ? tools.map((tool) => (isObject(tool) ? tool['name'] : undefined)) : []
}

export function catalogContract(upstreamTest: UpstreamTest): void {
  upstreamTest('describes the server to a client', async ({ client, upstream: { catalog } }) => {
    const { caller } = client('ada')
    const own = await catalog.serverDescription(caller, catalog.sourceOf(caller, undefined), true)
    for (const { value } of [catalog.startDescription(caller), own]) {
      const { capabilities } = value
      assert.ok(isObject(capabilities) && isObject(capabilities['tools']))
    }
    assert.equal(catalog.eraOf(caller), caller.client.era)
  })

  upstreamTest('has the lists of the server', async (fixture) => {
    const tools = await toolsOf(fixture, fixture.client('ada'))
    assert.ok(tools.includes('echo'))
    assert.ok(!tools.includes('added_1'))
  })

  upstreamTest('reports a changed list under its source, which then has the new one', async (fixture) => {
    const { client, upstream } = fixture
    const ada = client('ada')
    const stale: string[] = []
    upstream.catalog.onStale((source, list) => stale.push(`${list} of ${source}`))
    await ada.outcome('touch-list')
    await until('the change is reported', () =>
      stale.includes(`${toolList} of ${upstream.catalog.sourceOf(ada.caller, toolList)}`),
    )
    assert.ok((await toolsOf(fixture, ada)).includes('added_1'))
  })

  upstreamTest('can have a list from a worker of the own group of a caller', async ({ client, upstream }) => {
    const { caller } = client('ada')
    await client('ada').outcome('echo', { text: '' })
    const source = await upstream.catalog.own(caller, toolList)
    assert.equal(upstream.catalog.sourceOf(caller, toolList), source)
    assert.equal((await upstream.catalog.list(caller, source, toolList, undefined)).kind, 'result')
  })

  upstreamTest('has nothing more to say after the close', async (fixture) => {
    const { client, upstream } = fixture
    await upstream.close()
    await assert.rejects(toolsOf(fixture, client('ada')))
  })
}
