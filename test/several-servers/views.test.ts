/** What a view shows of a server of which it shows no tool: nothing at all, in lists and in every other request. */
import { expect, onTestFinished, test } from 'vitest'
import { missingKey } from '../../src/router/merged-pages.ts'
import { startSeveral, upstreamsOf } from '../support/in-process.ts'
import { eventually } from '../support/eventually.ts'
import { echoLegacy, echoModern } from '../support/mcplex.ts'
import { messagesOf, reasonOf, type JsonMap, type RpcMessage } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { ask } from '../support/stateless.ts'

type Request = (method: string, params?: JsonMap) => Promise<RpcMessage>

/** A client of each era at an endpoint. */
async function clientOf(era: 'legacy' | 'modern', url: string): Promise<Request> {
  if (era === 'modern')
    return async (method, params) => {
      const [message] = messagesOf(await ask(url, method, params))
      if (!message) throw new Error('no answer')
      return message
    }
  const session = await openSession(url)
  return (method, params) => session.request(method, params)
}

const lists = ['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list']

/** What asks for something of one upstream, as the merged endpoint shows it. */
const requestsOf = (upstream: string): ReadonlyArray<readonly [string, JsonMap]> => [
  ['tools/call', { name: `${upstream}__echo`, arguments: { text: 'hi' } }],
  ['prompts/get', { name: `${upstream}__greet`, arguments: { name: 'Ada' } }],
  ['resources/read', { uri: `mcplex://${upstream}/echo://nonce` }],
  ['completion/complete', completion({ type: 'ref/prompt', name: `${upstream}__greet` })],
  ['completion/complete', completion({ type: 'ref/resource', uri: `mcplex://${upstream}/echo://values/{key}` })],
]

function completion(ref: JsonMap): JsonMap {
  return { ref, argument: { name: 'name', value: 'A' } }
}

test.each([
  ['legacy', ['!hidden__*']],
  ['legacy', ['*', '!hidden__*']],
  ['legacy', ['hidden__echo', 'shown__*', '!*__echo']],
  ['legacy', ['shown__*']],
  ['modern', ['!hidden__*']],
  ['modern', ['shown__whoami', 'hidden__echo', '!echo']],
] as const)('in %s, a view of %j has nothing of the other server', async (era, tools) => {
  const server = era === 'legacy' ? echoLegacy : echoModern
  const { url } = await startSeveral({ shown: [server], hidden: [server] }, { endpoints: { view: { tools } } })
  const [all, view] = [await clientOf(era, url), await clientOf(era, `${url}/view`)]
  await eventually(
    'both are served',
    async () => (await all('prompts/get', requestsOf('hidden')[1]?.[1])).result !== undefined,
  )
  for (const method of lists) {
    expect(JSON.stringify(await all(method)), method).toContain('hidden')
    const listed = JSON.stringify((await view(method)).result)
    expect(listed, method).toContain('shown')
    expect(listed, method).not.toContain('hidden')
  }
  for (const [method, params] of requestsOf('hidden')) {
    expect((await all(method, params)).result, method).toBeDefined()
    expect(reasonOf(await view(method, params)), method).toBe('invalid_params')
  }
  // Of a server of which any tool is shown, all the rest is there.
  for (const [method, params] of requestsOf('shown').slice(1)) expect((await view(method, params)).result).toBeDefined()
})

test.each(['legacy', 'modern'] as const)('in %s, a completion is not for what has no completions', async (era) => {
  const server = era === 'legacy' ? echoLegacy : echoModern
  const alone = await startSeveral({ shown: [server] }, { endpoints: { view: { tools: ['!echo'] } } })
  const { url } = await startSeveral(
    { shown: [server], other: [server] },
    { endpoints: { view: { tools: ['!*echo'] } } },
  )
  for (const [endpoint, prefix] of [
    [url, 'shown__'],
    [`${url}/view`, 'shown__'],
    [`${alone.url}/view`, ''],
  ]) {
    const request = await clientOf(era, endpoint ?? '')
    const known = completion({ type: 'ref/prompt', name: `${prefix}greet` })
    await eventually('it is served', async () => (await request('completion/complete', known)).result !== undefined)
    for (const ref of [{ type: 'ref/tool', name: `${prefix}echo` }, { name: `${prefix}greet` }])
      expect(reasonOf(await request('completion/complete', completion(ref))), endpoint).toBe('invalid_params')
  }
})

test('a session that subscribes at a view to a resource of a server outside of it is told nothing', async () => {
  const endpoints = { view: { tools: ['!hidden__*'] } }
  const { url } = await startSeveral({ shown: [echoLegacy], hidden: [echoLegacy] }, { endpoints })
  const view = await openSession(`${url}/view`)
  const stream = await view.listen()
  onTestFinished(() => stream.cut())
  const subscribed = await view.request('resources/subscribe', { uri: 'mcplex://hidden/echo://calls' })
  await view.request('resources/subscribe', { uri: 'mcplex://shown/echo://calls' })
  expect(reasonOf(subscribed)).toBe('invalid_params')
  await view.text('shown__update', { uri: 'echo://calls' })
  await stream.event('the update', ({ data }) => data.includes('notifications/resources/updated'))
  expect(stream.events.some(({ data }) => data.includes('hidden'))).toBe(false)
})

test('a view whose only server is gone opens nothing of the one that is left', async () => {
  const endpoints = { view: { tools: ['gone__echo'] } }
  const { url, gateway } = await startSeveral({ gone: [echoLegacy], left: [echoLegacy] }, { endpoints })
  const view = await clientOf('legacy', `${url}/view`)
  await expect(gateway.reload({ upstreams: upstreamsOf({ left: [echoLegacy] }), endpoints })).rejects.toMatchObject({
    name: 'ConfigError',
    message: expect.stringContaining('endpoints.view.tools') as string,
  })
  expect((await view('resources/read', requestsOf('gone')[2]?.[1])).result).toBeDefined()
  // Part of a view may go: the rest is shown, and nothing comes in its place.
  const more = { view: { tools: ['gone__echo', 'kept__echo'] } }
  const three = upstreamsOf({ gone: [echoLegacy], left: [echoLegacy], kept: [echoLegacy] })
  await gateway.reload({ upstreams: three, endpoints: more })
  await gateway.reload({ upstreams: upstreamsOf({ left: [echoLegacy], kept: [echoLegacy] }), endpoints: more })
  for (const method of lists) {
    const listed = JSON.stringify((await view(method)).result)
    expect(listed).toContain('kept')
    expect(listed).not.toMatch(/gone|left/)
  }
  for (const upstream of ['gone', 'left'])
    for (const [method, params] of requestsOf(upstream))
      expect(reasonOf(await view(method, params))).toBe('invalid_params')
})

test('a server of a view that is missing is named there, and its requests are refused; others are not named', async () => {
  const dead = [echoLegacy, '--start-fail']
  const endpoints = { view: { tools: ['one__*', 'dead__*'] } }
  const { url } = await startSeveral({ one: [echoLegacy], dead, other: dead }, { endpoints })
  const view = await clientOf('legacy', `${url}/view`)
  for (const method of lists) {
    expect((await view(method)).result).toMatchObject({ _meta: { [missingKey]: [{ upstream: 'dead' }] } })
  }
  for (const [method, params] of requestsOf('dead'))
    expect(reasonOf(await view(method, params)), method).toBe('upstream_unavailable')
  // A name without a server may be what an App of the missing one calls; it is never looked for outside of the view.
  for (const [method, params] of requestsOf('other')) {
    const { error } = await view(method, params)
    expect(['upstream_unavailable', 'invalid_params'], method).toContain(error?.data?.['reason'])
    expect(error?.message, method).not.toContain('other')
  }
})
