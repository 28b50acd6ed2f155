/** What is promised to clients with sessions, each of which has a worker of its own. */
import assert from 'node:assert/strict'
import { until } from '../contract/until.ts'
import { readOn, type UpstreamTest } from './fixture.ts'

export function sessionsContract(upstreamTest: UpstreamTest): void {
  upstreamTest('what the server remembers of one session is unknown in another', async ({ client }) => {
    await client('ada').outcome('remember', { key: 'k', value: 'of ada' })
    assert.equal(await client('ada').text('recall', { key: 'k' }), 'of ada')
    assert.equal(await client('bob').text('recall', { key: 'k' }), '')
  })

  upstreamTest('what is sent for one session reaches no subscriber of another', async ({ client }) => {
    const [ada, bob] = [client('ada'), client('bob')]
    const ofAda = await ada.subscribe({ toolsListChanged: true })
    const ofBob = await bob.subscribe({ toolsListChanged: true })
    await bob.outcome('echo', { text: '' })
    await ada.outcome('touch-list')
    await until('the change has come', () => ofAda.seen.length > 0)
    await bob.outcome('echo', { text: '' })
    assert.deepEqual(ofBob.seen, [])
  })

  upstreamTest('a notification of a client reaches the worker of its session alone', async ({ client, upstream }) => {
    const [ada, bob] = [client('ada'), client('bob')]
    await Promise.all([ada, bob].map((one) => one.outcome('echo', { text: '' })))
    upstream.notify(ada.caller, 'notifications/roots/list_changed', undefined)
    assert.equal((await ada.json('whoami'))['rootsChanges'], 1)
    assert.equal((await bob.json('whoami'))['rootsChanges'], 0)
  })

  upstreamTest('the end of a session ends its calls and its state, and nothing else', async (fixture) => {
    const { client, upstream, refused } = fixture
    const [ada, bob] = [client('ada'), client('bob')]
    for (const one of [ada, bob]) await one.outcome('remember', { key: 'k', value: 'kept' })
    const [ofAda, ofBob] = [await ada.atWork(), await bob.atWork()]
    upstream.endSession(ada.caller)
    await refused(readOn(ofAda), 'upstream_closed')
    assert.equal((await ofBob.next()).done, false)
    assert.equal(await bob.text('recall', { key: 'k' }), 'kept')
    assert.equal(await ada.text('recall', { key: 'k' }), '')
  })
}
