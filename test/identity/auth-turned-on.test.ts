/** A reload turns `auth` on while clients without credentials are served, over real HTTP. */
import { expect, onTestFinished, test } from 'vitest'
import { newApiKey } from '../../src/identity/api-key.ts'
import { writeKeyLine } from '../../src/identity/key-record.ts'
import { inTime } from '../support/eventually.ts'
import { startSeveral, upstreamsOf } from '../support/in-process.ts'
import { echoModern } from '../support/mcplex.ts'
import { ask } from '../support/stateless.ts'

test('the streams of clients without credentials end, and their next requests need a key', async () => {
  const { url, gateway } = await startSeveral({ echo: [echoModern] })
  const listening = await ask(url, 'subscriptions/listen', { notifications: { toolsListChanged: true } })
  onTestFinished(() => listening.cut())
  const call = { name: 'echo', arguments: { text: 'hi' } }
  expect((await ask(url, 'tools/call', call)).status).toBe(200)
  const { id, hash, text } = newApiKey()
  const keys = [writeKeyLine({ id, hash, tenant: 'acme', subject: 'ann' })]
  await gateway.reload({ upstreams: upstreamsOf({ echo: [echoModern] }), auth: { methods: ['keys'], keys } })
  await inTime('the end of the stream', listening.over)
  expect((await ask(url, 'tools/call', call)).status).toBe(401)
  expect((await ask(url, 'tools/call', call, { headers: { 'X-Api-Key': text } })).status).toBe(200)
})
