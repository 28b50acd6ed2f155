/** Streams that outlast the token which they began with: a real token of a real key set, that is good for a few seconds. */
import { expect, onTestFinished, test } from 'vitest'
import { startForTest } from '../support/in-process.ts'
import { bearer, publicUrl, startIssuer } from '../support/issuer.ts'
import { echoModern } from '../support/mcplex.ts'
import { openSession } from '../support/session.ts'
import { ask } from '../support/stateless.ts'

test('streams of both eras end with their token, and a renewed token goes on with the session', async () => {
  const issuer = await startIssuer('a')
  onTestFinished(() => issuer.close())
  const { url } = await startForTest([echoModern], {
    auth: { methods: ['oauth'], issuers: [`${issuer.url} tenant=acme`], publicUrl },
    upstream: { mode: 'session', stateless: 'shared' },
    // A busy machine must not have sessions refused here.
    limits: { hasOverloadSteps: false },
  })
  // The keys are fetched before, so that a slow machine has all of the time for what is tested.
  const renewed = bearer(issuer.token())
  expect((await ask(url, 'tools/list', {}, { headers: renewed })).status).toBe(200)
  const exp = Math.floor(Date.now() / 1000) + 6
  const short = bearer(issuer.token({ exp }))
  const session = await openSession(url, { headers: short })
  const [listening, calling, subscribed] = await Promise.all([
    session.listen(),
    session.call('slow', { ms: 600_000, steps: 600_000 }, { progressToken: 'p' }),
    ask(url, 'subscriptions/listen', { notifications: { toolsListChanged: true } }, { headers: short }),
  ])
  const streams = [listening, calling, subscribed]
  expect(streams.map(({ status }) => status)).toEqual([200, 200, 200])
  await Promise.all(streams.map((stream) => stream.over))
  expect(Date.now()).toBeGreaterThanOrEqual(exp * 1000)

  const refused = await session.call('echo', { text: 'x' })
  expect([refused.status, refused.headers['www-authenticate']]).toEqual([
    401,
    expect.stringContaining('error="invalid_token"') as string,
  ])
  const again = await session.response('echo', { text: 'with the renewed token' }, { headers: renewed })
  expect(JSON.stringify(again.result)).toContain('with the renewed token')
})
