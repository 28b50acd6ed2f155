/**
 * Clients of both official SDKs, with and without a session, over both HTTP transports, in front of modules of both majors:
 * calls, progress, questions to the user by the SDK and by `useCall`, lists, resources.
 */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type Place, type Sdk, sdks, type TestClient } from '../servers/test-client.ts'
import type { PartialUpstream } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { startModule } from '../support/in-process.ts'

const fileOf = (name: string): string => join(import.meta.dirname, '../fixtures/modules', name)

type Sharing = Pick<PartialUpstream, 'mode' | 'stateless'>

async function connected(
  sdk: Sdk,
  module: string,
  bySse = false,
  sharing: Sharing = { stateless: 'principal' },
): Promise<TestClient> {
  const { url } = await startModule({ module: fileOf(module), ...sharing })
  const place: Place = { url, bySse }
  const testClient = await sdk.connect(place, ['file:///home'])
  onTestFinished(() => testClient.close())
  return testClient
}

const textOf = (result: unknown): string =>
  (result as { content: ReadonlyArray<{ text: string }> }).content[0]?.text ?? ''

const lanes = sdks.flatMap((sdk) => ['echo-v1.mjs', 'echo-v2.mjs'].map((module) => ({ sdk, name: sdk.name, module })))

test.each(lanes)('$name in front of $module', async ({ sdk, module }) => {
  const testClient = await connected(sdk, module)
  const { client } = testClient
  const names = (await client.listTools()).tools.map(({ name }) => name)
  expect(names).toContain('echo')
  expect(textOf(await testClient.call('echo', { text: 'in this process ✓' }))).toBe('in this process ✓')
  const progress: object[] = []
  await testClient.call('notify', { count: 3 }, (one) => progress.push(one))
  expect(progress).toMatchObject([1, 2, 3].map((step) => ({ progress: step, total: 3 })))
  expect((await client.listResources()).resources).toHaveLength(2)
  await expect(testClient.call('no-such-tool')).rejects.toThrow(/Unknown tool/)
  if (!sdk.canBeAsked) return
  expect(JSON.parse(textOf(await testClient.call('ask')))).toMatchObject({ action: 'accept', content: { name: 'Ada' } })
  expect(testClient.asked).toMatchObject([{ method: 'elicitation/create', params: { message: 'What is your name?' } }])
})

test.each(lanes.filter(({ sdk }) => !sdk.isStateless))(
  '$name in front of $module hears of changes, over HTTP+SSE as well',
  async ({ sdk, module }) => {
    for (const bySse of [false, true]) {
      const testClient = await connected(sdk, module, bySse)
      const end = await testClient.follow('echo://nonce')
      await testClient.call('update', { uri: 'echo://nonce' })
      await testClient.told('notifications/resources/updated')
      await testClient.call('touch-list')
      await testClient.told('notifications/tools/list_changed')
      expect((await testClient.client.listTools()).tools.map(({ name }) => name)).toContain('added_1')
      await end()
    }
  },
)

const sharings: readonly Sharing[] = [{ stateless: 'principal' }, { stateless: 'shared' }, { mode: 'shared' }]

test.each(
  sdks.filter(({ canBeAsked }) => canBeAsked).flatMap((sdk) => sharings.map((sharing) => ({ ...sdk, sdk, sharing }))),
)('$name is asked through useCall, in the words of its era, with $sharing', async ({ sdk, sharing }) => {
  const testClient = await connected(sdk, 'caller.mjs', false, sharing)
  expect(JSON.parse(textOf(await testClient.call('ask')))).toMatchObject({
    action: 'accept',
    content: { name: 'Ada' },
  })
  expect(JSON.parse(textOf(await testClient.call('roots')))).toEqual([{ uri: 'file:///home', name: 'root' }])
  expect(JSON.parse(textOf(await testClient.call('sample')))).toMatchObject({ model: 'nobody' })
  await eventually('all three questions', () => testClient.asked.length === 3)
})
