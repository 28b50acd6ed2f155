import { expect, test } from 'vitest'
import { acceptedForms, isBrowser } from './accept.ts'

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

test.each([
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8',
  'text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8',
  'text/html',
  'TEXT/HTML;charset=utf-8, image/png',
])('%s is what a browser sends', (accept) => {
  expect(isBrowser(accept)).toBe(true)
})

test.each([
  undefined,
  '',
  '*/*',
  'text/*',
  'application/json, text/event-stream',
  'text/event-stream, text/html',
  'text/html;q=0, application/json',
  // Java's default list, which it sends for event streams too.
  'text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2',
  'application/xhtml+xml',
])('%s is what programs send', (accept) => {
  expect(isBrowser(accept)).toBe(false)
})
