/** What servers announce, and members that are replaced while clients are connected. */
import { expect, test } from 'vitest'
import { echoLegacy, echoModern } from '../support/mcplex.ts'
import { eventually } from '../support/eventually.ts'
import { memberOf, routerOver, scripted } from './members.ts'

const listChanged = 'notifications/tools/list_changed'
const updated = 'notifications/resources/updated'

test('changes of several servers that come together are announced together, and resources as their clients know them', async () => {
  const { client } = await routerOver([memberOf('one', echoLegacy), memberOf('two', echoModern)])
  const ada = client('ada')
  const uris = ['mcplex://one/echo://nonce', 'mcplex://two/echo://calls']
  const { seen, subscription } = await ada.subscribe({ toolsListChanged: true, resourceUris: new Set(uris) })
  const touches = ['one__touch-list', 'two__touch-list'].flatMap((name) => Array.from({ length: 10 }, () => name))
  await Promise.all(touches.map((name) => ada.text(name)))
  await eventually('the change is announced', () => seen.length > 0)
  await ada.text('one__update', { uri: 'echo://nonce' })
  await ada.text('one__update', { uri: 'echo://calls' })
  await ada.text('two__update', { uri: 'echo://calls' })
  await eventually('both resources', () => seen.filter(({ method }) => method === updated).length === 2)
  expect(seen.flatMap(({ method, params }) => (method === updated ? [params?.value['uri']] : []))).toEqual(uris)
  // One, or a few if the servers took their time: not one for each of the twenty changes.
  expect(seen.filter(({ method }) => method === listChanged).length).toBeLessThan(10)
  expect(await ada.tools()).toEqual(expect.arrayContaining(['one__added_10', 'two__added_10']))
  subscription.stop()
  const told = seen.length
  await ada.text('one__touch-list')
  await ada.text('one__echo', { text: '' })
  expect(seen).toHaveLength(told)
})

test('members are replaced: lists, calls and subscriptions follow, and calls in flight end where they began', async () => {
  const one = memberOf('one', echoLegacy)
  const { client, router } = await routerOver([one, memberOf('old', echoLegacy)])
  const ada = client('ada')
  const uri = 'mcplex://new/echo://nonce'
  const { seen } = await ada.subscribe({ toolsListChanged: true, resourceUris: new Set([uri]) })
  await ada.text('one__remember', { key: 'k', value: 'kept' })
  const inFlight = ada.text('old__slow', { ms: 600, steps: 1 })
  await ada.text('old__echo', { text: '' })

  const added = memberOf('new', echoLegacy)
  await added.upstream.start(() => {})
  router.replace([one, added])
  await expect(ada.text('old__echo')).rejects.toMatchObject({ code: 'invalid_params' })
  expect(await ada.text('new__echo', { text: 'hi' })).toBe('hi')
  expect(await ada.text('one__recall', { key: 'k' })).toBe('kept')
  const tools = await ada.tools()
  expect(tools).toContain('new__echo')
  expect(tools.some((name) => String(name).startsWith('old__'))).toBe(false)
  await eventually('the change is announced', () => seen.some(({ method }) => method === listChanged))
  await eventually('the new member tells of the resource', async () => {
    await ada.text('new__update', { uri: 'echo://nonce' })
    return seen.some(({ method, params }) => method === updated && params?.value['uri'] === uri)
  })
  expect(await inFlight).toContain('600')
})

test('a session ends at every server, and its notifications reach every server', async () => {
  const { client, router } = await routerOver([memberOf('one', echoLegacy), memberOf('two', echoLegacy)])
  const ada = client('ada')
  for (const name of ['one', 'two']) await ada.text(`${name}__remember`, { key: 'k', value: name })
  router.upstream.notify(ada.caller, 'notifications/roots/list_changed', undefined)
  for (const name of ['one', 'two'])
    expect(JSON.parse(await ada.text(`${name}__whoami`))).toMatchObject({ rootsChanges: 1 })
  router.upstream.endSession(ada.caller)
  for (const name of ['one', 'two']) expect(await ada.text(`${name}__recall`, { key: 'k' })).toBe('')
})

test('a server that cannot be started keeps no session at the others, and no notification from them', async () => {
  const { client, router } = await routerOver([
    memberOf('dead', echoLegacy, '--start-fail'),
    memberOf('two', echoLegacy),
  ])
  const ada = client('ada')
  await ada.text('two__remember', { key: 'k', value: 'kept' })
  router.upstream.notify(ada.caller, 'notifications/roots/list_changed', undefined)
  expect(JSON.parse(await ada.text('two__whoami'))).toMatchObject({ rootsChanges: 1 })
  router.upstream.endSession(ada.caller)
  expect(await ada.text('two__recall', { key: 'k' })).toBe('')
})

test('the error of a server to a list of skills is passed on if no other server has one', async () => {
  const capabilities = { tools: {}, extensions: { 'io.modelcontextprotocol/skills': {} } }
  const serverInfo = { name: 'skills', version: '1' }
  const initialize = { protocolVersion: '2025-11-25', capabilities, serverInfo }
  const { client } = await routerOver([
    memberOf('skills', scripted, JSON.stringify({ initialize })),
    memberOf('two', echoLegacy),
  ])
  const { answer } = await client('ada').request('skills/list', {})
  expect(answer.kind === 'error' && answer.error.value['code']).toBe(-32601)
})

test('a list of a session’s own is shown to that session alone', async () => {
  const { client } = await routerOver([memberOf('one', echoLegacy), memberOf('two', echoLegacy)])
  const [ada, bob] = [client('ada'), client('bob')]
  const before = await bob.tools()
  await ada.text('two__touch-list')
  await eventually('ada has the new list', async () => (await ada.tools()).includes('two__added_1'))
  expect(await bob.tools()).toEqual(before)
})

test('tasks are found at the server that runs them', async () => {
  const results = JSON.stringify({
    'tools/call': { task: { taskId: 'a.b', status: 'working' } },
    'tasks/get': { taskId: 'a.b', status: 'completed' },
  })
  const { client } = await routerOver([memberOf('one', scripted, results), memberOf('two', echoLegacy)])
  const ada = client('ada')
  expect(await ada.result('tools/call', { name: 'one__x', task: {} })).toMatchObject({ task: { taskId: 'one.a.b' } })
  expect(await ada.result('tasks/get', { taskId: 'one.a.b' })).toMatchObject({ taskId: 'one.a.b' })
  await expect(ada.result('tasks/get', { taskId: 'a.b' })).rejects.toMatchObject({ code: 'invalid_params' })
  await expect(ada.result('tasks/list', {})).rejects.toMatchObject({ code: 'method_not_found' })
})
