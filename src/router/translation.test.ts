/** Tests that each name and URI of a member is shown to clients where it stands, and that nothing else is changed. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type JsonObject, type RawObject, rawObject } from '../protocol/json-text.ts'
import { createNaming } from './naming.ts'
import { targetOf } from './target.ts'
import { createTranslation } from './translation.ts'

const naming = createNaming(['git', 'search'], { hasPrefix: true })
const translation = createTranslation('git', naming)

const file = 'file:///a'
const shownFile = 'mcplex://git/file:///a'
const page = 'ui://card/a.html'
const shownPage = 'ui://git/card/a.html'
const appMeta = {
  ui: { resourceUri: page, visibility: ['app'], csp: { connectDomains: ['https://example.com'] } },
  'ui/resourceUri': page,
  'openai/outputTemplate': page,
  other: page,
}
const shownAppMeta = {
  ...appMeta,
  ui: { ...appMeta.ui, resourceUri: shownPage },
  'ui/resourceUri': shownPage,
  'openai/outputTemplate': shownPage,
}

/** Value and text of what was changed, which must mean the same. */
function valueOf(raw: RawObject): JsonObject {
  expect(JSON.parse(raw.text)).toEqual(raw.value)
  return raw.value
}

describe('an entry', () => {
  test.each<[string, JsonObject, JsonObject]>([
    [
      'tools/list',
      { name: 'log', title: 'log', inputSchema: { type: 'object' }, _meta: appMeta },
      { name: 'git__log', title: 'log', inputSchema: { type: 'object' }, _meta: shownAppMeta },
    ],
    ['prompts/list', { name: 'log', arguments: [{ name: 'n' }] }, { name: 'git__log', arguments: [{ name: 'n' }] }],
    ['resources/list', { uri: file, name: 'a', _meta: appMeta }, { uri: shownFile, name: 'a', _meta: shownAppMeta }],
    [
      'resources/templates/list',
      { uriTemplate: 'file:///{p}', name: 'a' },
      { uriTemplate: 'mcplex://git/file:///{p}', name: 'a' },
    ],
    [
      'skills/list',
      {
        uri: 'skill://pdf/SKILL.md',
        frontmatter: { name: 'pdf', description: 'd' },
        resources: [{ uri: 'skill://pdf/a.py', digest: 'sha256:00', size: 1 }],
      },
      {
        uri: 'skill://git/pdf/SKILL.md',
        frontmatter: { name: 'pdf', description: 'd' },
        resources: [{ uri: 'skill://git/pdf/a.py', digest: 'sha256:00', size: 1 }],
      },
    ],
  ])('of %s', (method, own, shown) => {
    expect(valueOf(translation.entry(method, rawObject(own)))).toEqual(shown)
  })
})

const link = { type: 'resource_link', uri: file, name: 'a', _meta: appMeta }
const shownLink = { ...link, uri: shownFile, _meta: shownAppMeta }
const embedded = { type: 'resource', resource: { uri: page, text: page, _meta: appMeta } }
const shownEmbedded = { type: 'resource', resource: { uri: shownPage, text: page, _meta: shownAppMeta } }
const text = { type: 'text', text: `{"uri":"${file}"}` }

describe('a result', () => {
  test.each<[string, JsonObject, JsonObject]>([
    [
      'tools/call',
      { content: [text, link, embedded], structuredContent: { uri: file }, _meta: appMeta },
      { content: [text, shownLink, shownEmbedded], structuredContent: { uri: file }, _meta: shownAppMeta },
    ],
    [
      'prompts/get',
      {
        messages: [
          { role: 'user', content: embedded },
          { role: 'user', content: [link, text] },
        ],
      },
      {
        messages: [
          { role: 'user', content: shownEmbedded },
          { role: 'user', content: [shownLink, text] },
        ],
      },
    ],
    [
      'resources/read',
      {
        contents: [
          { uri: page, text: '<p>', _meta: appMeta },
          { uri: file, blob: 'AA==' },
        ],
      },
      {
        contents: [
          { uri: shownPage, text: '<p>', _meta: shownAppMeta },
          { uri: shownFile, blob: 'AA==' },
        ],
      },
    ],
    [
      'resources/directory/read',
      { resources: [{ uri: 'skill://pdf/a.py', name: 'a.py' }] },
      { resources: [{ uri: 'skill://git/pdf/a.py', name: 'a.py' }] },
    ],
    [
      'skills/get',
      { skill: { uri: 'skill://pdf/SKILL.md', resources: 'dynamic' } },
      { skill: { uri: 'skill://git/pdf/SKILL.md', resources: 'dynamic' } },
    ],
    ['tools/call', { task: { taskId: '7', status: 'working' } }, { task: { taskId: 'git.7', status: 'working' } }],
    ['tools/call', { resultType: 'task', taskId: '7' }, { resultType: 'task', taskId: 'git.7' }],
    ['tasks/get', { taskId: '7', result: { content: [link] } }, { taskId: 'git.7', result: { content: [shownLink] } }],
    [
      'tasks/result',
      { content: [], _meta: { 'io.modelcontextprotocol/related-task': { taskId: '7' } } },
      { content: [], _meta: { 'io.modelcontextprotocol/related-task': { taskId: 'git.7' } } },
    ],
  ])('of %s', (method, own, shown) => {
    expect(valueOf(translation.result(method, rawObject(own)))).toEqual(shown)
  })

  test('of an error names the resource as the client does', () => {
    const error = { code: -32602, message: 'Resource not found', data: { uri: file } }
    expect(valueOf(translation.error(rawObject(error)))).toEqual({ ...error, data: { uri: shownFile } })
  })
})

test.each<[string, JsonObject, JsonObject]>([
  ['notifications/resources/updated', { uri: file }, { uri: shownFile }],
  ['notifications/tasks/status', { taskId: '7', status: 'working' }, { taskId: 'git.7', status: 'working' }],
  ['notifications/message', { level: 'info', data: { uri: file } }, { level: 'info', data: { uri: file } }],
  [
    'sampling/createMessage',
    { messages: [{ role: 'user', content: { type: 'tool_result', toolUseId: '1', content: [link] } }] },
    { messages: [{ role: 'user', content: { type: 'tool_result', toolUseId: '1', content: [shownLink] } }] },
  ],
])('%s of a server', (method, own, shown) => {
  expect(valueOf(translation.params(method, rawObject(own)))).toEqual(shown)
})

test('what holds no name and no URI is returned itself, with the text that arrived', () => {
  const methods = ['tools/call', 'prompts/get', 'resources/read', 'tasks/get', 'skills/get', 'any/other']
  const big = { text: '{"content":[{"type":"text","text":"a"}],"n":12345678901234567890.10}', value: {} }
  const result = { text: big.text, value: JSON.parse(big.text) as JsonObject }
  expect(translation.result('tools/call', result)).toBe(result)
  fc.assert(
    fc.property(
      fc.constantFrom(...methods),
      fc.dictionary(fc.constantFrom('a', 'b', 'n'), fc.jsonValue()),
      (method, any) => {
        const raw = rawObject(any)
        expect(translation.result(method, raw)).toBe(raw)
        expect(translation.params(method, raw)).toBe(raw)
      },
    ),
  )
})

test('numbers and unknown members beside a URI keep their text', () => {
  const own = '{"content":[{"type":"resource_link","uri":"file:///a","size":12345678901234567890,"x":1.50}],"y":1e2}'
  const raw = { text: own, value: JSON.parse(own) as JsonObject }
  const shown = translation.result('tools/call', raw).text
  for (const part of ['12345678901234567890', '1.50', '1e2']) expect(shown).toContain(part)
})

test('results of any form are translated without an error', () => {
  const odd = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.jsonValue({ maxDepth: 1 }),
      tie('object'),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
    object: fc.dictionary(
      fc.constantFrom(
        'content',
        'type',
        'uri',
        'resource',
        '_meta',
        'ui',
        'resourceUri',
        'messages',
        'contents',
        'task',
        'taskId',
        'skill',
        'resources',
        'data',
        'result',
      ),
      fc.oneof(tie('value'), fc.constantFrom('resource', 'resource_link', 'tool_result', file)),
      { maxKeys: 5 },
    ),
  }))
  const methods = ['tools/call', 'prompts/get', 'resources/read', 'tasks/get', 'skills/get', 'resources/directory/read']
  fc.assert(
    fc.property(fc.constantFrom(...methods), odd.object, (method, value) => {
      // A value as JSON has it: there is no -0 in what JSON.stringify writes.
      const raw = rawObject(JSON.parse(JSON.stringify(value)) as JsonObject)
      valueOf(translation.result(method, raw))
      valueOf(translation.entry('tools/list', raw))
      valueOf(translation.error(raw))
    }),
  )
})

describe('a request finds its member, with the own names in it', () => {
  test.each<[string, JsonObject, string, JsonObject]>([
    [
      'tools/call',
      { name: 'git__log', arguments: { name: 'git__x' } },
      'git',
      { name: 'log', arguments: { name: 'git__x' } },
    ],
    ['prompts/get', { name: 'search__ask' }, 'search', { name: 'ask' }],
    ['resources/read', { uri: shownFile }, 'git', { uri: file }],
    ['resources/subscribe', { uri: shownPage }, 'git', { uri: page }],
    ['skills/get', { uri: 'skill://git/pdf/SKILL.md' }, 'git', { uri: 'skill://pdf/SKILL.md' }],
    ['tasks/get', { taskId: 'search.a.b' }, 'search', { taskId: 'a.b' }],
    [
      'completion/complete',
      { ref: { type: 'ref/prompt', name: 'git__log' }, argument: { name: 'a', value: '' } },
      'git',
      { ref: { type: 'ref/prompt', name: 'log' }, argument: { name: 'a', value: '' } },
    ],
    [
      'completion/complete',
      { ref: { type: 'ref/resource', uri: 'mcplex://git/file:///{p}' }, argument: { name: 'p', value: '' } },
      'git',
      { ref: { type: 'ref/resource', uri: 'file:///{p}' }, argument: { name: 'p', value: '' } },
    ],
  ])('%s %j', (method, params, member, own) => {
    const target = targetOf(method, rawObject(params), naming)
    expect(target).toMatchObject({ member, params: { value: own } })
    expect('params' in target && target.params && valueOf(target.params)).toEqual(own)
  })

  test.each<[string, JsonObject | undefined, string]>([
    ['tools/call', { name: 7 }, 'invalid_params'],
    ['prompts/get', { name: 'log' }, 'invalid_params'],
    ['resources/read', {}, 'invalid_params'],
    ['tasks/get', { taskId: '7' }, 'invalid_params'],
    ['completion/complete', { ref: { type: 'ref/tool', name: 'git__log' } }, 'invalid_params'],
    ['completion/complete', { ref: { type: 'ref/__proto__', uri: shownFile } }, 'invalid_params'],
    ['completion/complete', { ref: { name: 'git__log' } }, 'invalid_params'],
  ])('%s %j is refused', (method, params, code) => {
    expect(() => targetOf(method, params && rawObject(params), naming)).toThrow(expect.objectContaining({ code }))
  })
})

test.each<[string, JsonObject | undefined, string, string]>([
  ['tools/call', { name: 'log' }, 'tool', 'log'],
  ['resources/read', { uri: file }, 'resource', file],
  ['completion/complete', { ref: { type: 'ref/resource', uri: file } }, 'resource', file],
  ['tasks/list', {}, 'method', 'tasks/list'],
  ['events/list', undefined, 'method', 'events/list'],
])('%s %j names no member', (method, params, kind, shown) => {
  expect(targetOf(method, params && rawObject(params), naming)).toMatchObject({ unknown: { kind, shown } })
})
