/** What `subscribe` promises. */
import assert from 'node:assert/strict'
import { until } from '../contract/until.ts'
import { noChanges, type Seen, type UpstreamTest } from './fixture.ts'

const listChanged = 'notifications/tools/list_changed'
const resourceUpdated = 'notifications/resources/updated'
const methodsOf = (seen: readonly Seen[]): readonly string[] => seen.map(({ method }) => method)
const urisOf = (seen: readonly Seen[]): readonly unknown[] => seen.map(({ params }) => params?.value['uri'])

export function subscriptionsContract(upstreamTest: UpstreamTest): void {
  upstreamTest('a subscriber gets the changes of lists that it asked for, and no others', async ({ client }) => {
    const ada = client('ada')
    const tools = await ada.subscribe({ toolsListChanged: true })
    const prompts = await ada.subscribe({ promptsListChanged: true })
    await ada.outcome('touch-list')
    await until('the change has come', () => tools.seen.length > 0)
    assert.deepEqual(methodsOf(tools.seen), [listChanged])
    assert.deepEqual(prompts.seen, [])
  })

  upstreamTest('a changed resource reaches the subscribers of its URI, as their filters change', async (fixture) => {
    const { client, resourceUri } = fixture
    const ada = client('ada')
    const nonce = await ada.subscribe({ resourceUris: new Set([resourceUri('echo://nonce')]) })
    const calls = await ada.subscribe({ resourceUris: new Set([resourceUri('echo://calls')]) })
    await ada.outcome('update', { uri: 'echo://nonce' })
    await until('the change has come', () => nonce.seen.length > 0)
    assert.deepEqual(methodsOf(nonce.seen), [resourceUpdated])
    assert.deepEqual([urisOf(nonce.seen), urisOf(calls.seen)], [[resourceUri('echo://nonce')], []])

    const own = ['echo://nonce', 'echo://calls']
    const both = new Set(own.map(resourceUri))
    await calls.subscription.refilter({ ...noChanges, resourceUris: both })
    for (const uri of own) await ada.outcome('update', { uri })
    await until('both changes have come', () => calls.seen.length > 1)
    assert.deepEqual(urisOf(calls.seen), [...both])
  })

  upstreamTest('a subscription that was stopped gets nothing more', async ({ client }) => {
    const ada = client('ada')
    const stopped = await ada.subscribe({ toolsListChanged: true })
    const open = await ada.subscribe({ toolsListChanged: true })
    stopped.subscription.stop()
    stopped.subscription.stop()
    await ada.outcome('touch-list')
    await until('the change has come', () => open.seen.length > 0)
    assert.deepEqual(stopped.seen, [])
  })

  upstreamTest('a subscription outlives a worker', async ({ client, refused, resourceUri }) => {
    const ada = client('ada')
    const { seen } = await ada.subscribe({ resourceUris: new Set([resourceUri('echo://nonce')]) })
    await refused(ada.outcome('crash'), 'upstream_closed')
    // The new worker is subscribed as soon as it has begun, which may be after its first call.
    await until('the new worker tells of the change', async () => {
      await ada.outcome('update', { uri: 'echo://nonce' })
      return seen.some(({ method }) => method === resourceUpdated)
    })
  })

  upstreamTest('a subscription can be made and stopped after the close', async ({ client, upstream }) => {
    await upstream.close()
    const { subscription } = await client('ada').subscribe({ toolsListChanged: true })
    subscription.stop()
  })
}
