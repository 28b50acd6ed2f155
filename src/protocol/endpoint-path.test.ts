import { expect, test } from 'vitest'
import { pathOfEndpoint, readEndpointPath } from './endpoint-path.ts'

test.each([
  ['/mcp', 'mcp', ''],
  ['/mcp/', 'mcp', ''],
  ['/sse', 'stream', ''],
  ['/messages', 'messages', ''],
  ['/mcp/github', 'mcp', 'github'],
  ['/mcp/github/', 'mcp', 'github'],
  ['/sse/a_b-C3', 'stream', 'a_b-C3'],
  ['/messages/mcp', 'messages', 'mcp'],
  [`/mcp/${'a'.repeat(64)}`, 'mcp', 'a'.repeat(64)],
])('%s is served', (path, kind, name) => {
  expect(readEndpointPath(path)).toEqual({ kind, name })
})

test.each([
  '',
  '/',
  '/MCP',
  'mcp',
  '/mcp//',
  '/mcp/a/b',
  '/mcp/a//',
  '/mcp/..',
  '/mcp/%61',
  '/mcp/a b',
  '/mcp/a\n',
  '/sse/',
  '/sse/a/',
  '/messages/a/',
  '/other/a',
  `/mcp/${'a'.repeat(65)}`,
])('%j is no path of an endpoint', (path) => {
  expect(readEndpointPath(path)).toBeUndefined()
})

test('the path of an endpoint reads back as its name', () => {
  expect(readEndpointPath(pathOfEndpoint(''))).toEqual({ kind: 'mcp', name: '' })
  expect(readEndpointPath(pathOfEndpoint('github'))).toEqual({ kind: 'mcp', name: 'github' })
})
