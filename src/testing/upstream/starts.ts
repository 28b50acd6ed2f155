/** What `start` promises, and `close` before and during it. */
import assert from 'node:assert/strict'
import { isObject } from '../../protocol/json-text.ts'
import { UpstreamStartError } from '../../upstreams/upstream.ts'
import {
  ContractClient,
  readOn,
  refusedWithoutInternals,
  type UpstreamContract,
  type UpstreamUnderTest,
} from './fixture.ts'

export function startsContract(contract: UpstreamContract): void {
  const { it } = contract
  const test = (
    sentence: string,
    make: () => UpstreamUnderTest | Promise<UpstreamUnderTest>,
    run: (underTest: UpstreamUnderTest) => Promise<void>,
  ): void =>
    void it(sentence, async () => {
      const underTest = await make()
      try {
        await run(underTest)
      } finally {
        await underTest.upstream.close()
      }
    })
  const isStartError = (error: unknown): boolean => error instanceof UpstreamStartError
  const client = (upstream: UpstreamUnderTest['upstream']): ContractClient =>
    new ContractClient(upstream, contract, 'ada')

  test('gives the eras of the server and its description', contract.make, async ({ upstream }) => {
    const { eras, serverEras } = await upstream.start(() => {})
    assert.ok(eras.includes(contract.client.era))
    const used = serverEras.find(({ era }) => era === contract.client.era)
    assert.ok(isObject(used?.serverDescription.value['capabilities']))
  })

  test('gives the same when it is asked again', contract.make, async ({ upstream }) => {
    const [first, second] = await Promise.all([upstream.start(() => {}), upstream.start(() => {})])
    assert.equal(second, first)
    assert.equal(await upstream.start(() => {}), first)
  })

  test('has to come before a call and a subscription', contract.make, async ({ upstream }) => {
    const ada = client(upstream)
    const { internals } = contract
    await refusedWithoutInternals(readOn(ada.begin(ada.call('echo'))), 'upstream_unavailable', internals)
    await refusedWithoutInternals(ada.subscribe({}), 'upstream_unavailable', internals)
    assert.equal((await upstream.health()).ok, false)
  })

  test('fails after a close', contract.make, async ({ upstream, isGone }) => {
    await upstream.close()
    await assert.rejects(
      upstream.start(() => {}),
      isStartError,
    )
    assert.ok(await isGone())
  })

  test('fails if the upstream is closed meanwhile, and leaves nothing', contract.make, async ({ upstream, isGone }) => {
    const starting = assert.rejects(
      upstream.start(() => {}),
      isStartError,
    )
    await upstream.close()
    await starting
    assert.ok(await isGone())
  })

  test(
    'fails with an error for the operator if the server cannot be started',
    contract.makeUnstartable,
    async ({ upstream, isGone }) => {
      await assert.rejects(
        upstream.start(() => {}),
        isStartError,
      )
      await assert.rejects(
        upstream.start(() => {}),
        isStartError,
      )
      assert.equal((await upstream.health()).ok, false)
      const ada = client(upstream)
      await refusedWithoutInternals(readOn(ada.begin(ada.call('echo'))), 'upstream_unavailable', contract.internals)
      await upstream.close()
      assert.ok(await isGone())
    },
  )
}
