/** MCP Apps and Skills of two servers behind one endpoint, with the official packages as server, host, page and client. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { App } from '@modelcontextprotocol/ext-apps'
import { AppBridge, getToolUiResourceUri, isToolVisibilityAppOnly } from '@modelcontextprotocol/ext-apps/app-bridge'
import { Client, InMemoryTransport, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { SkillsClient } from '@modelcontextprotocol/client/ext/skills'
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { ResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startSeveral } from '../support/in-process.ts'

const server = join(import.meta.dirname, '..', 'fixtures', 'apps-and-skills.mjs')
const info = { name: 'host', version: '1' }
const extensions = { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html;profile=mcp-app'] } }
const shownPage = 'ui://rome/weather/card.html'
const shownReport = 'mcplex://rome/weather://report'

/** The endpoint of two servers that have the same tools, pages and skills, of which each knows another city. */
async function start(stateless: 'refuse' | 'shared'): Promise<URL> {
  const setup = (city: string): { args: readonly string[]; stateless: typeof stateless } => ({
    args: [server, city],
    stateless,
  })
  const url = new URL((await startSeveral({ berlin: setup('Berlin'), rome: setup('Rome') })).url)
  const first = await connect(url)
  await eventually('both servers are listed', async () => {
    const names = (await first.listTools()).tools.map(({ name }) => name)
    return ['berlin__forecast', 'rome__forecast'].every((name) => names.includes(name))
  })
  return url
}

async function connect(url: URL): Promise<Client> {
  const client = new Client(info, { versionNegotiation: { mode: 'auto' }, capabilities: { extensions } })
  await client.connect(new StreamableHTTPClientTransport(url))
  onTestFinished(() => client.close())
  return client
}

describe.each([
  ['with sessions', 'refuse'],
  ['without sessions', 'shared'],
] as const)('for a client %s', (_, stateless) => {
  test('a host finds the page of each tool, and the page is of the right server', async () => {
    const client = await connect(await start(stateless))
    const { tools } = await client.listTools()
    const names = ['forecast', 'refresh-Rome', 'refresh'].map((name) => `rome__${name}`)
    expect(tools.map(({ name }) => name)).toEqual(expect.arrayContaining(names))
    const forecast = tools.find(({ name }) => name === 'rome__forecast')
    const refresh = tools.find(({ name }) => name === 'rome__refresh')
    expect(forecast && getToolUiResourceUri(forecast)).toBe(shownPage)
    expect(forecast?._meta?.['ui/resourceUri']).toBe(shownPage)
    expect(refresh && isToolVisibilityAppOnly(refresh)).toBe(true)
    const { resources } = await client.listResources()
    expect(resources.map(({ uri }) => uri)).toContain(shownPage)
    const { contents } = await client.readResource({ uri: shownPage })
    expect(contents).toMatchObject([
      {
        uri: shownPage,
        mimeType: 'text/html;profile=mcp-app',
        text: '<p>Rome</p>',
        _meta: { ui: { csp: { connectDomains: ['https://example.com'] } } },
      },
    ])
    expect(await client.callTool({ name: 'rome__forecast' })).toMatchObject({
      content: [
        { text: 'Sunny in Rome.' },
        { type: 'resource_link', uri: shownReport },
        { type: 'resource', resource: { uri: shownReport, text: 'Report of Rome.' } },
      ],
      structuredContent: { city: 'Rome', uri: 'weather://report' },
      _meta: { ui: { resourceUri: shownPage } },
    })
  })

  test('a page calls tools and reads resources of its server, by their names there and by those of the endpoint', async () => {
    const client = await connect(await start(stateless))
    const [ofHost, ofPage] = InMemoryTransport.createLinkedPair()
    const bridge = new AppBridge(client, info, { serverTools: {}, serverResources: {} })
    const page = new App({ name: 'card', version: '1' }, {}, { autoResize: false })
    await bridge.connect(ofHost)
    await page.connect(ofPage)
    onTestFinished(async () => {
      await page.close()
      await bridge.close()
    })
    for (const name of ['rome__refresh', 'refresh-Rome']) {
      expect(await page.callServerTool({ name })).toMatchObject({ content: [{ text: 'Fresh from Rome.' }] })
    }
    for (const uri of ['mcplex://rome/weather://report/Rome', 'weather://report/Rome']) {
      expect(await page.readServerResource({ uri })).toMatchObject({ contents: [{ text: 'Report of Rome.' }] })
    }
    // Both servers have it, so it is not known which page calls.
    await expect(page.callServerTool({ name: 'refresh' })).rejects.toThrow(/no tool of this name/)
    await expect(page.readServerResource({ uri: 'ui://weather/card.html' })).rejects.toThrow(/no resource of this URI/)
  })

  test('skills are listed, read and verified by their digests', async () => {
    const skills = new SkillsClient(await connect(await start(stateless)))
    expect(skills.supported).toBe(true)
    expect(skills.directoryRead).toBe(true)
    const { skills: listed, invalid } = await skills.list()
    expect(invalid).toEqual([])
    expect(listed.map(({ uri }) => uri).sort()).toEqual([
      'skill://berlin/pack/SKILL.md',
      'skill://berlin/travel/SKILL.md',
      'skill://rome/pack/SKILL.md',
      'skill://rome/travel/SKILL.md',
    ])
    const pack = listed.find(({ uri }) => uri === 'skill://rome/pack/SKILL.md')
    if (!pack) throw new Error('the skill is not listed')
    const file = await skills.read(pack)
    expect(file).toMatchObject({ verified: true, uri: pack.uri, body: '# pack in Rome\n' })
    expect(await skills.read(pack, 'references/list.md')).toMatchObject({
      verified: true,
      text: 'An umbrella for Rome.\n',
    })
    const [entry] = pack.resources === 'dynamic' ? [] : pack.resources
    expect(entry?.digest).toBe(`sha256:${createHash('sha256').update(file.bytes).digest('hex')}`)
    expect((await skills.get(pack.uri)).skill).toEqual(pack)
    const { resources } = await skills.readDirectory('skill://rome/pack')
    expect(resources.map(({ uri }) => uri).sort()).toEqual([
      'skill://rome/pack/SKILL.md',
      'skill://rome/pack/references',
    ])
  })
})

test('a client of the older SDK sees the same', async () => {
  const client = new OldClient(info, { capabilities: {} })
  await client.connect(new OldTransport(await start('refuse')))
  onTestFinished(() => client.close())
  const { tools } = await client.listTools()
  expect(tools.find(({ name }) => name === 'rome__forecast')?._meta).toMatchObject({ ui: { resourceUri: shownPage } })
  expect(await client.readResource({ uri: shownPage })).toMatchObject({ contents: [{ text: '<p>Rome</p>' }] })
  const result = await client.request({ method: 'skills/list', params: {} }, ResultSchema)
  expect(result['skills']).toMatchObject([
    { uri: 'skill://berlin/pack/SKILL.md' },
    { uri: 'skill://rome/pack/SKILL.md' },
  ])
  const more = await client.request({ method: 'skills/list', params: { cursor: result['nextCursor'] } }, ResultSchema)
  expect(more['skills']).toMatchObject([
    { uri: 'skill://berlin/travel/SKILL.md' },
    { uri: 'skill://rome/travel/SKILL.md' },
  ])
  for (const cursor of [
    '',
    'x',
    Buffer.from('{"nobody":"1"}').toString('base64url'),
    Buffer.from('[1]').toString('base64url'),
  ])
    await expect(client.request({ method: 'skills/list', params: { cursor } }, ResultSchema)).rejects.toMatchObject({
      code: -32602,
    })
})
