import { expect, test } from 'vitest'
import { acceptedForms } from './accept.ts'

test.each([
  [undefined, 'both'],
  ['application/json, text/event-stream', 'both'],
  ['text/event-stream,application/json', 'both'],
  ['TEXT/event-stream; q=0.5, Application/Json;q=0.9', 'both'],
  ['*/*', 'both'],
  ['application/*, text/*', 'both'],
  ['application/json', 'json'],
  ['application/json, text/event-stream;q=0', 'json'],
  ['application/json;text/event-stream', 'json'],
  ['text/event-stream', 'stream'],
  ['text/*, application/json;q=0.000', 'stream'],
  ['', 'none'],
  ['text/html', 'none'],
  ['application/jsonx, text/event-streams', 'none'],
])('a client that sends Accept %j takes: %s', (accept, forms) => {
  expect(acceptedForms(accept)).toBe(forms)
})
