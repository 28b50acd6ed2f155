/** Which servers and tools the messages of a request are for, so far as its scopes are concerned: no spelling is left out. */
import { expect, test } from 'vitest'
import type { ScopedRequest } from '../identity/scope-rules.ts'
import { type JsonObject, rawObject } from '../protocol/json-text.ts'
import type { Message } from '../protocol/jsonrpc.ts'
import { createNaming } from '../router/naming.ts'
import { namedBy } from '../router/target.ts'
import { askedBy } from './asked-scopes.ts'
import { createOperationOf } from './charged-operations.ts'

const names = ['a', 'b']
const naming = createNaming(names, { hasPrefix: true, aliases: { say: 'a__echo' } })
const upstreams = Object.fromEntries(names.map((name) => [name, {}])) as never
const operationOf = createOperationOf(
  { targetOf: (request) => namedBy(request, naming, undefined, () => undefined) },
  () => ({ upstreams, aliases: { say: 'a__echo' } }),
)

const request = (method: string, params: JsonObject): Message => ({
  kind: 'request',
  id: '1',
  method,
  params: rawObject(params),
})
const asked = (message: Message): ScopedRequest | undefined => askedBy([message], operationOf)[0]
const serversOf = (message: Message): readonly string[] | undefined => asked(message)?.target?.().upstreams

test.each<[string, JsonObject, readonly string[]]>([
  ['resources/read', { uri: 'mcplex://a/x://y' }, ['a']],
  // An App reads what is of its server by that server's own URI: it may be of any.
  ['resources/read', { uri: 'ui://weather/card.html' }, ['a', 'b']],
  ['resources/subscribe', { uri: 'x://y' }, ['a', 'b']],
  ['completion/complete', { ref: { type: 'ref/resource', uri: 'x://{y}' } }, ['a', 'b']],
  ['prompts/get', { name: 'nothing' }, []],
  ['subscriptions/listen', { notifications: { resourceSubscriptions: ['mcplex://b/x://y', 'mcplex://b/z'] } }, ['b']],
  ['subscriptions/listen', { notifications: { resourceSubscriptions: ['mcplex://a/x', 'mcplex://b/y'] } }, ['a', 'b']],
  ['subscriptions/listen', { notifications: { toolsListChanged: true } }, []],
  ['subscriptions/listen', { notifications: { resourceSubscriptions: [1, 'mcplex://b/x'] } }, ['b']],
  ['subscriptions/listen', {}, []],
])('%s with %j is for %j', (method, params, servers) => {
  expect(serversOf(request(method, params))).toEqual(servers)
})

test('more resources than one subscription may be for cost nothing', () => {
  const resourceSubscriptions = Array.from({ length: 1001 }, (_, at) => `mcplex://a/${at}`)
  expect(serversOf(request('subscriptions/listen', { notifications: { resourceSubscriptions } }))).toEqual([])
})

test('a notification needs what its method needs', () => {
  expect(asked({ kind: 'notification', method: 'notifications/initialized', params: undefined })).toEqual({
    method: 'notifications/initialized',
  })
})
