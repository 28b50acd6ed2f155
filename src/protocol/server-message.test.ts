import { expect, test } from 'vitest'
import { numberOf, readServerMessage, shapeOf } from './server-message.ts'

const read = (text: string): ReturnType<typeof readServerMessage> => readServerMessage(text, JSON.parse(text))

test.each([
  ['{"jsonrpc":"2.0","id":1,"result":{"a":1.50},"error":null}', { kind: 'response', id: '1' }],
  ['{"jsonrpc":"2.0","id":1,"result":null,"error":{"code":1,"message":"m"}}', { kind: 'response', id: '1' }],
  ['{"id":1,"result":{},"error":null}', { kind: 'response', id: '1' }],
  ['{"jsonrpc":"2.0","id":null,"method":"notifications/x","params":null}', { kind: 'notification' }],
  ['{"jsonrpc":"2.0","id":2,"method":"ping","params":null,"result":null,"error":null}', { kind: 'request', id: '2' }],
])('%s can only mean one thing', (text, message) => {
  expect(read(text)).toMatchObject(message)
})

test('numbers in a repaired result stay exactly as written', () => {
  const message = read('{"id":1,"error":null,"result":{"a":1.50,"b":9007199254740993}}')
  expect(JSON.stringify(message)).toContain(String.raw`{\"a\":1.50,\"b\":9007199254740993}`)
})

test.each([
  ['{"jsonrpc":"2.0","id":1,"result":"x"}', '"result" is no object', true],
  ['{"jsonrpc":"2.0","id":1,"result":null}', '"result" is no object', true],
  ['{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"m"}}', 'both', true],
  ['{"jsonrpc":"2.0","id":1,"error":null,"error":{"code":1,"message":"m"}}', 'twice', true],
  ['{"jsonrpc":"2.0","id":1,"error":"broken"}', '"error" is no object', true],
  ['{"jsonrpc":"2.0","id":1,"error":{"code":"E","message":"m"}}', '"code"', true],
  ['{"jsonrpc":"2.0","id":1}', 'neither', false],
  ['{"jsonrpc":"2.0","result":{}}', 'names no request', true],
  ['{"level":"info","msg":"started"}', '"jsonrpc"', false],
  ['{"method":"GET","id":1}', '"jsonrpc"', false],
  ['7', 'no object', false],
])('%s cannot be taken', (text, fault, isAnswer) => {
  expect(read(text)).toMatchObject({ kind: 'malformed', isAnswer, fault: expect.stringContaining(fault) })
})

test('an id in quotes is read as its number, and any other text is not a number', () => {
  expect(['65536', '"65536"', '"a"', '""', '" "'].map(numberOf)).toEqual([65536, 65536, NaN, NaN, NaN])
})

test.each([
  [
    '{"jsonrpc":"2.0","id":null,"result":"hunter2","error":{"message":"hunter2"}}',
    'object of 76 characters { "jsonrpc": string, "id": null, "result": string, "error": object }',
  ],
  ['{"id":7,"hunter2":1}', 'object of 20 characters { "id": number, 1 other member }'],
  ['{"a":1,"b":[]}', 'object of 14 characters { 2 other members }'],
  ['["hunter2"]', 'array of 11 characters'],
  ['null', 'null of 4 characters'],
])('the shape of %s has none of its text', (text, shape) => {
  expect(shapeOf(text, JSON.parse(text))).toBe(shape)
})
