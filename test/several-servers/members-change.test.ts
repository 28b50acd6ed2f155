/** Members that are replaced while an answer is made of all of them: each part stays with the server that it is of. */
import { expect, test } from 'vitest'
import type { Member } from '../../src/router/member.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { eventually } from '../support/eventually.ts'
import { memberOf, type RouterUnderTest, routerOver, scripted } from './members.ts'

const skills = 'io.modelcontextprotocol/skills'

/** A server with an App, skills and instructions. */
const talking = (name: string): Member =>
  memberOf(
    name,
    scripted,
    JSON.stringify({
      initialize: {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {}, resources: {}, extensions: { [skills]: {} } },
        serverInfo: { name, version: '1' },
        instructions: `Said by ${name}.`,
      },
      'tools/list': {
        tools: [{ name: `save_${name}`, inputSchema: { type: 'object' }, _meta: { ui: { resourceUri: 'ui://card' } } }],
      },
      'resources/list': { resources: [{ uri: `file:///${name}`, name }] },
      'tools/call': { content: [{ type: 'text', text: `done by ${name}` }] },
      'skills/list': { skills: [{ name, uri: `skill://of/${name}`, resources: [] }] },
    }),
  )

async function start(): Promise<RouterUnderTest & { readonly one: Member; readonly two: Member }> {
  const [one, two] = [talking('one'), talking('two')]
  const started = await routerOver([one, two])
  await eventually('both have started', async () => (await started.client('ada').tools()).length === 2)
  return { ...started, one, two }
}

test('instructions stand under the name of their server', async () => {
  const { client, catalog, router, one, two } = await start()
  const { caller } = client('ada')
  const described = catalog.serverDescription(caller)
  router.replace([two, one])
  const { value } = await described
  expect(value['instructions']).toMatch(/# one \([^)]*\)\n\nSaid by one\./)
  expect(value['instructions']).toMatch(/# two \([^)]*\)\n\nSaid by two\./)
})

test('a call of an App goes to the server that lists its tool', async () => {
  const { client, router, one, two } = await start()
  const called = client('ada').text('save_two')
  router.replace([two, one])
  expect(await called).toBe('done by two')
})

test('a list shows nothing of a server that is gone under names without its prefix', async () => {
  const { client, router, one } = await start()
  const ada = client('ada')
  const lists = [ada.list('tools/list'), ada.list('resources/list')]
  router.replace([one])
  const shown = JSON.stringify((await Promise.all(lists)).map(({ entries }) => entries))
  expect(shown).toContain('"one__save_one"')
  expect(shown).not.toMatch(/"save_two"|"file:/)
})

test('a list of skills shows nothing of a server that is gone under URIs without its name', async () => {
  const { client, router, one } = await start()
  const listed = client('ada').result('skills/list', {})
  router.replace([one])
  const shown = JSON.stringify(await listed)
  expect(shown).toContain('skill://one/of/one')
  expect(shown).not.toContain('"skill://of/two"')
})

test('health names the servers that are bad', async () => {
  const [good, dead] = [memberOf('good', echoLegacy), memberOf('dead', echoLegacy, '--start-fail')]
  const { router } = await routerOver([good, dead])
  const health = router.upstream.health()
  router.replace([dead, good])
  expect((await health).detail).toMatch(/^dead: /)
})
