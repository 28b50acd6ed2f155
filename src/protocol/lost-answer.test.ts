import { expect, test } from 'vitest'
import { idAtEdges, isAnswerAtEdges } from './lost-answer.ts'

const idIn = (text: string): number | undefined => idAtEdges(text.slice(0, 256), text.slice(-256))
const long = 'x'.repeat(1000)

test.each([
  ['at the beginning', `{"jsonrpc":"2.0","id":65536,"result":{"a":"${long}"}}`],
  ['before the version', `{"id": 65536, "jsonrpc": "2.0", "result": {"a":"${long}"}}`],
  ['at the end', `{"result":{"a":"${long}"},"jsonrpc":"2.0","id":65536}`],
  ['in quotes', `{"jsonrpc":"2.0","id":"65536","result":{"a":"${long}"}}`],
  ['next to the end', `{"result":{"a":"${long}"},"id":65536,"jsonrpc":"2.0"}\r`],
])('an id %s is found', (_, text) => {
  expect(idIn(text)).toBe(65536)
})

test.each([
  ['within the result', `{"jsonrpc":"2.0","result":{"a":"${long}","id":65536}}`],
  ['within a text', `{"jsonrpc":"2.0","result":{"a":"${long},\\"id\\":65536}"}}`],
  ['of another kind', `{"jsonrpc":"2.0","id":"a","result":{"a":"${long}"}}`],
  ['far from both ends', `{"result":{},"x":"${long}","id":65536,"y":"${long}"}`],
  ['in a batch', `[{"jsonrpc":"2.0","id":65536,"result":{"a":"${long}"}}]`],
])('an id %s is none', (_, text) => {
  expect(idIn(text)).toBeUndefined()
})

test.each([
  [true, '{"jsonrpc":"2.0","result":{'],
  [true, '{"result":{'],
  [true, '[{"jsonrpc": "2.0", "id": "x", "error": {'],
  [false, '{"jsonrpc":"2.0","method":"notifications/message","params":{"result":{'],
  [false, '{"jsonrpc":"2.0","params":{"result":{'],
  [false, '{"jsonrpc":"2.0","id":{"result":1},"method":"x",'],
])('it is %s that an answer begins with %s', (is, head) => {
  expect(isAnswerAtEdges(head)).toBe(is)
})
