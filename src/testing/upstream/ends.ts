/** What `health`, `counts`, `notify`, `endSession` and `close` promise in every state. */
import assert from 'node:assert/strict'
import type { Upstream } from '../../upstreams/upstream.ts'
import type { UpstreamContract, UpstreamTest } from './fixture.ts'

function assertNumbers(upstream: Upstream): void {
  for (const [name, count] of Object.entries(upstream.counts()))
    assert.ok(Number.isSafeInteger(count) && count >= 0, `${name} is ${count}`)
}

export function endsContract({ it, make }: UpstreamContract, upstreamTest: UpstreamTest): void {
  it('there are figures before the start, and the health is not good', async () => {
    const { upstream } = await make()
    try {
      assertNumbers(upstream)
      assert.equal((await upstream.health()).ok, false)
    } finally {
      await upstream.close()
    }
  })

  upstreamTest('the health is good while it runs, and not after the close', async ({ upstream, client }) => {
    assert.equal((await upstream.health()).ok, true)
    await client('ada').outcome('echo', { text: '' })
    assert.equal((await upstream.health()).ok, true)
    assertNumbers(upstream)
    await upstream.close()
    assert.equal((await upstream.health()).ok, false)
    assertNumbers(upstream)
  })

  upstreamTest('a close resolves when nothing is left, also the second time', async ({ upstream, client, isGone }) => {
    await Promise.all(['ada', 'bob'].map((name) => client(name).outcome('echo', { text: '' })))
    assert.equal(await isGone(), false)
    const [first, second] = [upstream.close(), upstream.close()]
    await first
    assert.equal(await isGone(), true)
    await second
    await upstream.close()
  })

  upstreamTest('a forced close hastens an earlier one', async ({ upstream, client, isGone }) => {
    await client('ada').outcome('echo', { text: '' })
    const closing = upstream.close()
    await upstream.close({ force: true })
    assert.equal(await isGone(), true)
    await closing
  })

  upstreamTest('a client without a worker can be notified for and ended without harm', async ({ upstream, client }) => {
    const { caller } = client('unknown')
    const harmless = (): void => {
      upstream.notify(caller, 'notifications/roots/list_changed', undefined)
      upstream.endSession(caller)
    }
    harmless()
    assert.equal(await client('ada').text('echo', { text: 'served' }), 'served')
    await upstream.close()
    harmless()
  })
}
