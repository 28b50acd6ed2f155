/**
 * Requests that no proper client sends, generated for both eras: every one must be refused, or mean nothing, and none
 * may cost more than its own answer.
 */
import { wrongHeaders } from './malformed-heads.ts'
import { requestBytes } from './raw-http.ts'
import { call, post, type Case, type WireFormat } from './wire-format.ts'

export function malformedRequests(format: WireFormat): Case[] {
  return [
    ...notJson(format),
    ...notRpc(format),
    ...keysTwice(format),
    ...prototypeKeys(format),
    ...wrongParams(format),
    ...wrongHeaders(format),
    ...batches(format),
  ]
}

function notJson(format: WireFormat): Case[] {
  const whole = format.request('tools/call', call)
  const cases: Case[] = []
  const add = (name: string, body: string | Buffer, mayPass = false): void =>
    void cases.push({ name: `not JSON: ${name}`, bytes: post(format, body), mayPass })
  for (let i = 1; i <= 30; i++) add(`cut after ${i}/31`, whole.slice(0, Math.floor((whole.length * i) / 31)))
  for (const [name, text] of Object.entries({
    nothing: '',
    space: ' ',
    'a brace': '{',
    'a word': 'hello',
    'a form': 'jsonrpc=2.0&id=1&method=ping',
    XML: '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    'single quotes': whole.replaceAll('"', "'"),
    'a comment': `/* hi */ ${whole}`,
    'a trailing comma': whole.replace(/}$/, ',}'),
    'trailing rubbish': `${whole}]`,
    'two documents': `${whole}\n${whole}`,
    'two documents in one line': whole + whole,
    'two byte order marks': `\ufeff\ufeff${whole}`,
    NaN: whole.replace('"id":1', '"id":NaN'),
    Infinity: whole.replace('"id":1', '"id":Infinity'),
    undefined: whole.replace('"id":1', '"id":undefined'),
    'a number in hex': whole.replace('"id":1', '"id":0x1'),
    'a leading zero': whole.replace('"id":1', '"id":01'),
    'a leading plus': whole.replace('"id":1', '"id":+1'),
    'a bare point': whole.replace('"id":1', '"id":1.'),
    'a line break in a string': whole.replace('"x"', '"x\ny"'),
    'a tab in a string': whole.replace('"x"', '"x\ty"'),
    'a NUL in a string': whole.replace('"x"', '"x\u0000y"'),
    'a NUL after it': `${whole}\u0000`,
    'a wrong escape': whole.replace('"x"', '"\\x41"'),
    'a cut escape': whole.replace('"x"', '"\\u00"'),
    'a missing colon': whole.replace('"id":', '"id" '),
    'keys without quotes': whole.replaceAll('"id"', 'id'),
    'a vertical tab as space': whole.replace(',', ',\u000b'),
    'a no-break space as space': whole.replace(',', ',\u00a0'),
  })) {
    add(name, text)
  }
  for (const depth of [129, 1_000, 100_000, 1_500_000]) {
    add(`${depth} brackets`, '['.repeat(depth))
    add(`${depth} arrays`, nested(format, '['.repeat(depth) + ']'.repeat(depth)))
    if (depth < 500_000) add(`${depth} objects`, nested(format, `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`))
  }
  add('100,001 elements', nested(format, `[${'1,'.repeat(100_000)}1]`))
  add('100,001 members', nested(format, `{${Array.from({ length: 100_001 }, (_, i) => `"k${i}":1`).join()}}`))
  for (const [name, bad] of Object.entries({
    'a lone byte': [0xff],
    'a cut character': [0xe2, 0x9c],
    'a continuation': [0x80],
    'an overlong NUL': [0xc0, 0x80],
    'an overlong quote': [0xe0, 0x80, 0xa2],
    'a surrogate': [0xed, 0xa0, 0x80],
    'beyond Unicode': [0xf4, 0x90, 0x80, 0x80],
    'UTF-7': [0x2b, 0xfe, 0x2d],
  })) {
    const [before = '', after = ''] = whole.split('"x"')
    add(`${name} in a string`, Buffer.concat([Buffer.from(`${before}"`), Buffer.from(bad), Buffer.from(`"${after}`)]))
    add(`${name} at the end`, Buffer.concat([Buffer.from(whole), Buffer.from(bad)]))
  }
  add('UTF-16', Buffer.from(whole, 'utf16le'))
  add('UTF-16 with a mark', Buffer.from(`\ufeff${whole}`, 'utf16le'))
  add('compressed bytes', Buffer.from('1f8b08000000000000030300000000000000', 'hex'))
  return cases
}

function nested(format: WireFormat, value: string): string {
  return format.request('tools/call', { name: 'echo', arguments: { text: 'x', deep: '@' } }).replace('"@"', () => value)
}

const oddities: readonly unknown[] = [null, true, 0, -1, 1.5, 1e308, '', 'x', [], [1], {}, { a: 1 }]

function notRpc(format: WireFormat): Case[] {
  const cases: Case[] = []
  const add = (name: string, text: string, mayPass = false): void =>
    void cases.push({ name: `not JSON-RPC: ${name}`, bytes: post(format, text), mayPass })
  const whole = JSON.parse(format.request('tools/call', call)) as Record<string, unknown>
  for (const value of [null, true, 0, 'x', '{"jsonrpc":"2.0"}', {}]) add(JSON.stringify(value), JSON.stringify(value))
  for (const key of ['jsonrpc', 'method']) {
    for (const odd of [undefined, ...oddities]) {
      // A method that is any text is a method, just not one that is known.
      add(`${key} is ${JSON.stringify(odd)}`, JSON.stringify({ ...whole, [key]: odd }))
    }
  }
  for (const version of ['1.0', '2', '2.0 ', '2.00', '３.0']) {
    add(`jsonrpc is ${version}`, JSON.stringify({ ...whole, jsonrpc: version }))
  }
  for (const odd of [null, true, 1.5, [], [1], {}, { id: 1 }]) {
    add(`id is ${JSON.stringify(odd)}`, JSON.stringify({ ...whole, id: odd }))
  }
  for (const odd of [null, true, 0, 'x', [], [1]]) {
    add(`params is ${JSON.stringify(odd)}`, JSON.stringify({ ...whole, params: odd }))
  }
  add('an id beyond all numbers', JSON.stringify(whole).replace('"id":1', '"id":1e999'))
  add('an id of 100 KiB', JSON.stringify({ ...whole, id: 'i'.repeat(100_000), method: 'no/such' }), true)
  add('a call without an id', JSON.stringify({ ...whole, id: undefined }), true)
  add('a call with a result', JSON.stringify({ ...whole, result: {} }))
  add('a call with an error', JSON.stringify({ ...whole, error: { code: 1, message: 'x' } }))
  add('a result and an error', JSON.stringify({ jsonrpc: '2.0', id: 1, result: {}, error: { code: 1, message: 'x' } }))
  add('neither', JSON.stringify({ jsonrpc: '2.0', id: 1 }))
  for (const error of [null, 'x', {}, { code: 'x', message: 'x' }, { code: 1 }, { code: 1.5, message: 'x' }]) {
    add(`an error that is ${JSON.stringify(error)}`, JSON.stringify({ jsonrpc: '2.0', id: 1, error }))
  }
  for (const result of [null, 'x', 1, []]) {
    add(`a result that is ${JSON.stringify(result)}`, JSON.stringify({ jsonrpc: '2.0', id: 1, result }))
  }
  // A response to a question that was never asked is accepted where there are sessions, and changes nothing.
  add('an answer to no request', JSON.stringify({ jsonrpc: '2.0', id: 'never', result: {} }), format.era === 'legacy')
  add('an unknown notification', JSON.stringify({ jsonrpc: '2.0', method: 'notifications/none' }), true)
  add('a method in another case', JSON.stringify({ ...whole, method: 'Tools/Call' }))
  add('a key in another case', JSON.stringify(whole).replace('"method"', '"Method"'))
  add('a key in disguise', JSON.stringify(whole).replace('"params"', '"param\u017f"'))
  return cases
}

function keysTwice(format: WireFormat): Case[] {
  const whole = format.request('tools/call', call)
  const twice = (name: string, text: string): Case => ({ name: `a key twice: ${name}`, bytes: post(format, text) })
  return [
    twice('jsonrpc', whole.replace('{', '{"jsonrpc":"1.0",')),
    twice('id', whole.replace('"id":1', '"id":1,"id":2')),
    twice('method', whole.replace('"method"', '"method":"tools/list","method"')),
    twice('method, escaped', whole.replace('"method"', '"m\\u0065thod":"tools/list","method"')),
    twice('params', whole.replace(/}$/, ',"params":{"name":"crash"}}')),
    twice('name', whole.replace('"name"', '"name":"crash","name"')),
    twice('name, escaped', whole.replace('"name"', '"n\\u0061me":"crash","name"')),
    twice('arguments', whole.replace('"arguments"', '"arguments":{},"arguments"')),
    twice('_meta', whole.replace('"params":{', '"params":{"_meta":{},"_meta":{"a":1},')),
    twice('a member of _meta', whole.replace('"params":{', '"params":{"_meta":{"progressToken":1,"progressToken":2},')),
  ]
}

const prototypeNames = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__']

/** Names that every object has (`constructor`) are no names of ours: they are unknown. */
function prototypeKeys(format: WireFormat): Case[] {
  const cases: Case[] = []
  for (const name of prototypeNames) {
    const add = (where: string, bytes: string | Buffer, mayPass = false): void =>
      void cases.push({ name: `${name} as ${where}`, bytes, mayPass })
    const ask = (method: string, params?: object, named = ''): string =>
      requestBytes('POST /mcp', format.headers(method, named), format.request(method, params))
    add('a method', ask(name))
    add('the end of a method', ask(`tools/${name}`))
    add('a tool', ask('tools/call', { name, arguments: {} }, name))
    add('a prompt', ask('prompts/get', { name }, name))
    add('a resource', ask('resources/read', { uri: name }, name))
    add('a level', ask('logging/setLevel', { level: name }))
    add('a progress token', ask('tools/call', { ...call, _meta: { progressToken: name } }, 'echo'), true)
    const arg = format.request('tools/call', { name: 'echo', arguments: { text: 'x' } })
    add('an argument', post(format, arg.replace('"text"', `"${name}":{"polluted":true},"text"`)), true)
    add('a member', post(format, arg.replace('{', `{"${name}":{"polluted":true},`)), true)
    add('a header', post(format, arg, { [`Mcp-Param-${name}`]: 'x' }), true)
    add('a header by itself', post(format, arg, { [name]: 'x' }), true)
    if (format.era === 'legacy') add('a session', post(format, arg, { 'Mcp-Session-Id': name }))
    else add('a version', post(format, arg, { 'MCP-Protocol-Version': name }))
  }
  return cases
}

const methods: Readonly<Record<string, readonly object[]>> = {
  initialize: [
    {},
    { protocolVersion: 1 },
    { protocolVersion: '2025-11-25', capabilities: 'all' },
    { capabilities: [] },
  ],
  'tools/call': [
    {},
    { name: null },
    { name: 1, arguments: {} },
    { name: {} },
    { name: '' },
    { name: 'no-such-tool' },
    { name: 'n'.repeat(10_000) },
    { name: 'echo\u0000' },
    { name: '../echo' },
  ],
  'prompts/get': [{}, { name: null }, { name: 7 }, { name: 'none' }],
  'resources/read': [
    {},
    { uri: null },
    { uri: 7 },
    { uri: 'none' },
    { uri: 'file:///etc/passwd' },
    { uri: 'http://169.254.169.254/' },
  ],
  'logging/setLevel': [{}, { level: null }, { level: 'loud' }, { level: ['info'] }],
  'resources/subscribe': [{}, { uri: null }, { uri: [] }],
  'tasks/get': [{}, { taskId: 1 }, { taskId: 'none' }],
  'server/none': [{}, { a: 1 }],
}

function wrongParams(format: WireFormat): Case[] {
  const cases: Case[] = []
  for (const [method, wrong] of Object.entries(methods)) {
    for (const params of wrong) {
      const name = 'name' in params ? params.name : 'uri' in params ? params.uri : ''
      const mirrored = typeof name === 'string' && /^[!-~]{1,100}$/.test(name) ? name : ''
      const bytes = requestBytes('POST /mcp', format.headers(method, mirrored), format.request(method, params))
      cases.push({ name: `${method} with ${JSON.stringify(params).slice(0, 60)}`, bytes })
    }
  }
  for (const cursor of [1, [], {}, 'x', '../../etc', 'x'.repeat(100_000)]) {
    for (const method of ['tools/list', 'prompts/list', 'resources/list']) {
      const bytes = requestBytes('POST /mcp', format.headers(method, ''), format.request(method, { cursor }))
      cases.push({ name: `${method} from ${JSON.stringify(cursor).slice(0, 30)}`, bytes })
    }
  }
  return cases
}

function batches(format: WireFormat): Case[] {
  const one = JSON.parse(format.request('tools/call', call)) as object
  const note = { jsonrpc: '2.0', method: 'notifications/none' }
  const all: Readonly<Record<string, readonly unknown[]>> = {
    'of nothing': [],
    'of one': [one],
    'of two with one id': [one, one],
    'of 1,000': Array.from({ length: 1_000 }, () => one),
    'of notifications': [note, note],
    'of batches': [[one]],
    'of nulls': [null, null],
    'of texts': ['x'],
    'with a handshake': [{ jsonrpc: '2.0', id: 1, method: 'initialize', params: {} }, one],
    'of answers': [{ jsonrpc: '2.0', id: 1, result: {} }],
    'of everything': [one, note, null, 1, {}],
  }
  return Object.entries(all).map(([name, batch]) => ({
    name: `a batch ${name}`,
    bytes: post(format, JSON.stringify(batch)),
  }))
}
