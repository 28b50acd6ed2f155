/** Members that are dead, slow, crashing or flooding: the others answer as before, and the bad one is named. */
import { expect, test } from 'vitest'
import type { JsonObject } from '../../src/protocol/json-text.ts'
import { missingKey } from '../../src/router/merged-pages.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { eventually } from '../support/eventually.ts'
import { memberOf, routerOver, scripted } from './members.ts'

const waitMs = 1500

test('of ten servers one is dead and one is slow: the other eight are listed and called, and the two are named', async () => {
  const good = Array.from({ length: 8 }, (_, at) => memberOf(`good-${at}`, echoLegacy))
  const bad = [memberOf('dead', echoLegacy, '--start-fail'), memberOf('slow', echoLegacy, '--list-delay=600000')]
  const { client, catalog, log } = await routerOver([...bad, ...good], { memberWaitMs: waitMs })
  const ada = client('ada')
  const namesOf = (entries: readonly JsonObject[]): string[] =>
    entries.map(({ name }) => (typeof name === 'string' ? name : ''))
  // Ten servers that start at once may need longer than they get here.
  await eventually('the good ones are listed', async () => {
    const listed = namesOf((await ada.list('tools/list').catch(() => ({ entries: [] }))).entries)
    return good.every(({ name }) => listed.includes(`${name}__echo`))
  })
  const { entries, meta } = await ada.list('tools/list')
  const names = namesOf(entries)
  expect(names.some((name) => /^(dead|slow)__/.test(name))).toBe(false)
  expect(meta).toEqual({
    [missingKey]: [
      { upstream: 'dead', reason: expect.any(String) as string },
      { upstream: 'slow', reason: 'It does not answer in time.' },
    ],
  })
  for (const { name } of good) expect(await ada.text(`${name}__echo`, { text: name })).toBe(name)
  const { value } = await catalog.serverDescription(ada.caller)
  expect(value).toMatchObject({ _meta: { [missingKey]: [{ upstream: 'dead' }] } })
  expect(value['instructions']).toContain('# dead')
  for (const upstream of ['dead', 'slow'])
    expect(log.filter((line) => line['upstream'] === upstream)).toMatchObject([
      { message: 'the lists of an upstream are missing' },
    ])

  // A server that is known to be missing is not waited for again.
  const startedMs = Date.now()
  for (let at = 0; at < 10; at++) await ada.list('tools/list')
  expect(Date.now() - startedMs).toBeLessThan(10 * waitMs)
  // Its tools can be called all the same.
  expect(await ada.text('slow__echo', { text: 'alive' })).toBe('alive')
  await expect(ada.text('dead__echo')).rejects.toMatchObject({ code: 'upstream_unavailable' })
})

test('a server that was too slow is announced when its lists are there', async () => {
  const { client, log } = await routerOver(
    [memberOf('one', echoLegacy), memberOf('slow', echoLegacy, '--list-delay=4000')],
    {
      memberWaitMs: waitMs,
    },
  )
  const ada = client('ada')
  const { seen } = await ada.subscribe({ toolsListChanged: true })
  const none = await client('bob').subscribe({})
  expect(await ada.tools()).not.toContain('slow__echo')
  await eventually('the change is announced', () => seen.length > 0)
  expect(seen.map(({ method }) => method)).toEqual(['notifications/tools/list_changed'])
  const { entries, meta } = await ada.list('tools/list')
  expect(entries.map(({ name }) => name)).toContain('slow__echo')
  expect(meta).toBeUndefined()
  expect(none.seen).toEqual([])
  await eventually('that it is back is logged', () => log.length > 1)
  expect(log.map(({ message }) => message)).toEqual([
    'the lists of an upstream are missing',
    'the lists of an upstream are there again',
  ])
})

test('a server that hangs after its lists were learnt is shown as it was, and the log says so', async () => {
  const members = [memberOf('one', echoLegacy), memberOf('hanging', echoLegacy, '--list-hangs-after=1')]
  const { client, log } = await routerOver(members, { memberWaitMs: waitMs })
  const ada = client('ada')
  await eventually('both are listed', async () => (await ada.tools()).includes('hanging__echo'))
  await eventually('the list is asked for again', async () => {
    await ada.text('hanging__touch-list')
    expect(await ada.tools()).toEqual(expect.arrayContaining(['one__echo', 'hanging__echo']))
    return log.some(({ message }) => message === 'the lists of an upstream are old')
  })
  const { meta } = await ada.list('tools/list')
  expect(meta).toBeUndefined()
})

test('a name that an App uses goes to no other server while one is missing', async () => {
  const tool = { name: 'save', inputSchema: { type: 'object' }, _meta: { ui: { resourceUri: 'ui://card' } } }
  const card = { uri: 'ui://card', name: 'card' }
  const app = [scripted, JSON.stringify({ 'tools/list': { tools: [tool] }, 'resources/list': { resources: [card] } })]
  const calls = ({ client }: Awaited<ReturnType<typeof routerOver>>): Array<Promise<unknown>> => [
    client('ada').text('save'),
    client('ada').request('resources/read', { uri: 'ui://card' }),
  ]
  const whole = await routerOver([memberOf('a', ...app), memberOf('b', echoLegacy)])
  await eventually('both are listed', async () => (await whole.client('ada').tools()).includes('b__echo'))
  for (const call of calls(whole)) expect(JSON.stringify(await call)).toMatch(/save|card/)
  const broken = await routerOver([memberOf('a', ...app), memberOf('b', echoLegacy, '--start-fail')])
  const refusal = { code: 'upstream_unavailable', message: expect.stringContaining('the server b') as string }
  for (const call of calls(broken)) await expect(call).rejects.toMatchObject(refusal)
  expect(await broken.client('ada').text('a__save')).toContain('save')
})

/** A server that announces these extensions and answers this method of one of them with its name. */
const extending = (name: string, extensions: readonly string[], method: string): readonly string[] => [
  scripted,
  JSON.stringify({
    initialize: {
      protocolVersion: '2025-11-25',
      capabilities: { tools: {}, extensions: Object.fromEntries(extensions.map((one) => [one, {}])) },
      serverInfo: { name, version: '1' },
    },
    'tools/list': { tools: [] },
    [method]: { by: name, skills: [{ name: `of ${name}` }] },
  }),
]

test('a method of an extension goes to no other server while one is missing that may have the extension', async () => {
  const one = extending('one', ['example.com/x'], 'x/do')
  const whole = await routerOver([memberOf('one', ...one), memberOf('two', echoLegacy)])
  expect(await whole.client('ada').result('x/do', {})).toMatchObject({ by: 'one' })
  // Not what the protocol itself has.
  await expect(whole.client('ada').result('tasks/list', {})).rejects.toMatchObject({ code: 'method_not_found' })
  const broken = await routerOver([memberOf('one', ...one), memberOf('two', echoLegacy, '--start-fail')])
  for (const era of ['legacy', 'modern'] as const) {
    const refused = broken.client(`ada ${era}`, era).result('x/do', {})
    await expect(refused).rejects.toMatchObject({
      code: 'upstream_unavailable',
      message: expect.stringContaining('two') as string,
    })
  }
  // Of two that have some, none is right: that one is missing changes nothing.
  const both = await routerOver([
    memberOf('one', ...one),
    memberOf('other', ...extending('other', ['example.com/y'], 'x/do')),
    memberOf('two', echoLegacy, '--start-fail'),
  ])
  await expect(both.client('ada').result('x/do', {})).rejects.toMatchObject({ code: 'method_not_found' })
})

test('a list of skills names the server that is missing and may have some', async () => {
  const skills = extending('one', ['io.modelcontextprotocol/skills'], 'skills/list')
  const { client } = await routerOver([memberOf('one', ...skills), memberOf('two', echoLegacy, '--start-fail')])
  expect(await client('ada').result('skills/list', {})).toMatchObject({
    skills: [{ name: 'of one' }],
    _meta: { [missingKey]: [{ upstream: 'two' }] },
  })
  const none = await routerOver([memberOf('one', echoLegacy), memberOf('two', echoLegacy, '--start-fail')])
  await expect(none.client('ada').result('skills/list', {})).rejects.toMatchObject({
    code: 'upstream_unavailable',
    message: expect.stringContaining('two') as string,
  })
})

test('if all servers are missing, a list is refused', async () => {
  const { client, router } = await routerOver([memberOf('a', echoLegacy), memberOf('b', echoLegacy)])
  await router.upstream.close()
  await expect(router.catalog.page(client('ada').caller, 'tools/list', undefined)).rejects.toMatchObject({
    name: 'Refusal',
  })
})

test('a server that crashes, and one that floods, disturb no call of the others', async () => {
  const { client } = await routerOver(['good', 'crashing', 'flooding'].map((name) => memberOf(name, echoLegacy)))
  const flood = client('flood').text('flooding__notify', { count: 20_000, bytes: 200, kind: 'log' })
  const crashes = Promise.allSettled(
    Array.from({ length: 3 }, (_, at) => client(`crash ${at}`).text('crashing__crash')),
  )
  const ada = client('ada')
  for (let at = 0; at < 50; at++) expect(await ada.text('good__echo', { text: `${at}` })).toBe(`${at}`)
  for (const { status } of await crashes) expect(status).toBe('rejected')
  expect(await flood).toBe('sent 20000')
  expect(await ada.text('crashing__echo', { text: 'again' })).toBe('again')
})

test('the health is good as long as a server is, and names those that are not', async () => {
  const { router } = await routerOver([memberOf('good', echoLegacy), memberOf('dead', echoLegacy, '--start-fail')])
  const { ok, detail } = await router.upstream.health()
  expect(ok).toBe(true)
  expect(detail).toMatch(/^dead: /)
})
