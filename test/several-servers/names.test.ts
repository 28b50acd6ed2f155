/** Names and URIs of several servers behind one router, there and back, with real processes. */
import { expect, test } from 'vitest'
import { isObject, type JsonObject } from '../../src/protocol/json-text.ts'
import { echoLegacy, echoModern } from '../support/mcplex.ts'
import { memberOf, routerOver, scripted } from './members.ts'

const long = `find_${'every_single_thing_'.repeat(6)}at_once`

test('a tool is called at its own server, by the name in the list', async () => {
  const { client } = await routerOver([memberOf('one', echoLegacy), memberOf('two', echoLegacy)])
  const ada = client('ada')
  const tools = await ada.tools()
  expect(tools).toContain('one__echo')
  expect(tools.slice(0, tools.length / 2).every((name) => String(name).startsWith('one__'))).toBe(true)
  await ada.text('one__remember', { key: 'k', value: 'of one' })
  await ada.text('two__remember', { key: 'k', value: 'of two' })
  expect(await ada.text('one__recall', { key: 'k' })).toBe('of one')
  expect(await ada.text('two__recall', { key: 'k' })).toBe('of two')
})

test.each([
  ['echo', 'This endpoint has no tool of this name.'],
  ['three__echo', 'This endpoint has no tool of this name.'],
])('the tool %s of no server is refused', async (name, message) => {
  const { client } = await routerOver([memberOf('one', echoLegacy), memberOf('two', echoLegacy)])
  await expect(client('ada').text(name)).rejects.toMatchObject({ code: 'invalid_params', message })
})

test('a name that is too long has a short form, which also works before the client has seen a list', async () => {
  const lists = JSON.stringify({
    'tools/list': { tools: [{ name: long, inputSchema: { type: 'object' } }, { name: 'b' }] },
  })
  const { client, catalog } = await routerOver([memberOf('one', scripted, lists), memberOf('two', echoLegacy)])
  const [shown = ''] = (await (
    await routerOver([memberOf('one', scripted, lists), memberOf('two', scripted)])
  )
    .client('x')
    .tools()) as string[]
  expect(shown).toMatch(/^one__find_.{45,47}_[A-Za-z0-9_-]{8}$/)
  expect(shown).toHaveLength(64)
  const ada = client('ada')
  expect(JSON.parse(await ada.text(shown, { n: 1 }))).toMatchObject({ name: long, arguments: { n: 1 } })
  expect(catalog.isListed(ada.caller, 'tools/list', shown)).toBe(true)
  // A name that only looks like a short form reaches the server as it is.
  const odd = `one__${'x'.repeat(50)}_AAAAAAAA`
  expect(JSON.parse(await ada.text(odd))).toMatchObject({ name: odd.slice(5) })
})

test('resources, templates, prompts and completions are those of their server', async () => {
  const { client } = await routerOver([memberOf('one', echoLegacy), memberOf('two', echoLegacy)])
  const ada = client('ada')
  const [nonceOne, nonceTwo] = await Promise.all(
    ['one', 'two'].map(async (name) => (JSON.parse(await ada.text(`${name}__whoami`)) as JsonObject)['nonce']),
  )
  const { entries } = await ada.list('resources/list')
  expect(entries.map(({ uri }) => uri)).toEqual([
    'mcplex://one/echo://nonce',
    'mcplex://one/echo://calls',
    'mcplex://two/echo://nonce',
    'mcplex://two/echo://calls',
  ])
  for (const [name, nonce] of [
    ['one', nonceOne],
    ['two', nonceTwo],
  ] as const) {
    const uri = `mcplex://${name}/echo://nonce`
    const { contents } = await ada.result('resources/read', { uri })
    expect(contents).toMatchObject([{ uri, text: nonce }])
  }
  const templates = await ada.list('resources/templates/list')
  expect(templates.entries.map(({ uriTemplate }) => uriTemplate)).toContain('mcplex://two/echo://values/{key}')
  await ada.text('two__remember', { key: 'k', value: 'kept' })
  expect(await ada.result('resources/read', { uri: 'mcplex://two/echo://values/k' })).toMatchObject({
    contents: [{ text: 'kept' }],
  })
  expect(await ada.result('prompts/get', { name: 'two__greet', arguments: { name: 'Eve' } })).toMatchObject({
    messages: [{ content: { text: 'Greet Eve.' } }],
  })
  for (const ref of [
    { type: 'ref/prompt', name: 'one__greet' },
    { type: 'ref/resource', uri: 'mcplex://one/echo://values/{key}' },
  ]) {
    const { completion } = await ada.result('completion/complete', { ref, argument: { name: 'name', value: 'A' } })
    expect(completion).toMatchObject({ values: ['Ada', 'Alan'] })
  }
})

test('an unknown resource is an error that names it as the client does', async () => {
  const { client } = await routerOver([memberOf('one', echoLegacy), memberOf('two', echoLegacy)])
  const uri = 'mcplex://one/echo://nothing'
  const { answer } = await client('ada').request('resources/read', { uri })
  expect(answer.kind === 'error' && answer.error.value).toMatchObject({ code: -32002, data: { uri } })
  await expect(client('ada').result('resources/read', { uri: 'echo://nonce' })).rejects.toMatchObject({
    code: 'invalid_params',
    details: { data: { uri: 'echo://nonce' } },
  })
})

test('a view hides tools from lists and from calls, under each of their names', async () => {
  const lists = JSON.stringify({ 'tools/list': { tools: [{ name: `delete_${long}` }, { name: 'keep' }] } })
  const { client, catalog } = await routerOver([memberOf('one', scripted, lists), memberOf('two', echoLegacy)], {
    view: { tools: ['one__*', '!one__delete_*', 'two__echo'] },
  })
  const unseen = await routerOver([memberOf('one', scripted, lists), memberOf('two', scripted)])
  const [hidden = ''] = (await unseen.client('x').tools()) as string[]
  const ada = client('ada')
  expect(await ada.tools()).toEqual(['one__keep', 'two__echo'])
  expect(await ada.text('two__echo', { text: 'seen' })).toBe('seen')
  const listed: string[] = []
  const names = [hidden, `one__delete_${long}`, 'two__whoami', 'two__made_up']
  for (const name of names) {
    await expect(ada.text(name)).rejects.toMatchObject({ code: 'invalid_params' })
    if (catalog.isListed(ada.caller, 'tools/list', name)) listed.push(name)
  }
  // The log may have a name that a server lists; a long one is known by its short form alone, which no list has shown here.
  expect(listed).toEqual(['two__whoami'])
})

test('an alias takes the place of a name, which still works', async () => {
  const { client } = await routerOver([memberOf('one', echoLegacy), memberOf('two', echoLegacy)], {
    naming: { hasPrefix: true, aliases: { say: 'two__echo' } },
  })
  const ada = client('ada')
  const tools = await ada.tools()
  expect(tools).toContain('say')
  expect(tools).not.toContain('two__echo')
  for (const name of ['say', 'two__echo']) expect(await ada.text(name, { text: 'hi' })).toBe('hi')
})

test('a single server behind a view keeps its names', async () => {
  const { client } = await routerOver([memberOf('only', echoLegacy)], {
    naming: { hasPrefix: false },
    view: { tools: ['echo', 'who*'] },
  })
  const ada = client('ada')
  expect(await ada.tools()).toEqual(['echo', 'whoami'])
  expect(await ada.text('echo', { text: 'a' })).toBe('a')
  await expect(ada.text('env')).rejects.toMatchObject({ code: 'invalid_params' })
  expect(await ada.result('resources/read', { uri: 'echo://calls' })).toMatchObject({
    contents: [{ uri: 'echo://calls' }],
  })
  const { answer } = await ada.request('any/other', {})
  expect(answer.kind === 'error' && answer.error.value['code']).toBe(-32601)
})

test('lists of many pages are whole, and a cursor of an older list is refused', async () => {
  const tools = Array.from({ length: 700 }, (_, at) => ({ name: `tool_${at}` }))
  const { client, catalog } = await routerOver([
    memberOf('one', echoLegacy, '--page=5'),
    memberOf('two', scripted, JSON.stringify({ 'tools/list': { tools }, padding: 2000 })),
    memberOf('three', scripted, JSON.stringify({ 'tools/list': { tools }, padding: 2000 })),
  ])
  const ada = client('ada')
  const names = await ada.tools()
  expect(new Set(names).size).toBe(names.length)
  expect(names.filter((name) => String(name).startsWith('two__tool_'))).toHaveLength(700)
  expect(names).toContain('one__tool_20')
  const first = await catalog.page(ada.caller, 'tools/list', undefined)
  const cursor = 'page' in first ? first.page.result.value['nextCursor'] : undefined
  expect(cursor).toEqual(expect.any(String))
  await ada.text('one__touch-list')
  await expect.poll(async () => (await ada.tools()).includes('one__added_1')).toBe(true)
  await expect(catalog.page(ada.caller, 'tools/list', cursor)).rejects.toMatchObject({ code: 'invalid_params' })
  for (const odd of ['', '1', 'x.1', 7]) {
    await expect(catalog.page(ada.caller, 'tools/list', odd)).rejects.toMatchObject({ code: 'invalid_params' })
  }
})

test('capabilities and instructions are those of all servers', async () => {
  const described = JSON.stringify({
    initialize: {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {}, extensions: { 'example.com/x': { a: 1 } } },
      serverInfo: { name: 'mine', version: '1' },
      instructions: 'Use it wisely.',
    },
  })
  const { client, catalog } = await routerOver([memberOf('one', scripted, described), memberOf('two', echoLegacy)])
  const { value } = await catalog.serverDescription(client('ada').caller)
  expect(value).toMatchObject({
    serverInfo: { name: 'mcplex' },
    capabilities: {
      tools: { listChanged: true },
      resources: { subscribe: true },
      logging: {},
      extensions: { 'example.com/x': { a: 1 } },
    },
  })
  for (const part of ['one__', 'Use it wisely.', 'two__', 'Call echo.']) expect(value['instructions']).toContain(part)
})

test('servers of both eras serve clients of both', async () => {
  const { client, catalog } = await routerOver([memberOf('old', echoLegacy), memberOf('new', echoModern)])
  for (const era of ['legacy', 'modern'] as const) {
    const ada = client(`ada ${era}`, era)
    const tools = await ada.tools()
    expect(tools).toEqual(expect.arrayContaining(['old__echo', 'new__echo']))
    for (const name of ['old__echo', 'new__echo']) expect(await ada.text(name, { text: era })).toBe(era)
    const { value } = await catalog.serverDescription(ada.caller)
    expect(isObject(value['capabilities']) && value['capabilities']['tools']).toEqual({ listChanged: true })
    // The description has the form of the client's era.
    expect(value['protocolVersion']).toBe(era === 'legacy' ? '2025-11-25' : undefined)
  }
})

test('a log level reaches each server', async () => {
  const { client } = await routerOver([memberOf('one', echoLegacy), memberOf('two', echoLegacy)])
  const ada = client('ada')
  for (const name of ['one', 'two']) {
    expect(JSON.parse(await ada.text(`${name}__whoami`, {}, { logLevel: 'alert' }))).toMatchObject({ level: 'alert' })
  }
})
