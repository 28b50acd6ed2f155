import { expect, test } from 'vitest'
import { audiencesOf, bearerChallenge, describedEndpoint, metadataUrl, resourceMetadata } from './resource-metadata.ts'

const base = '/.well-known/oauth-protected-resource'

test.each([
  [base, '/mcp'],
  [`${base}/mcp`, '/mcp'],
  [`${base}/mcp/`, '/mcp'],
  [`${base}/mcp/github`, '/mcp/github'],
  [`${base}/sse`, '/sse'],
  [`${base}/sse/github`, '/sse/github'],
  [`${base}/messages`, undefined],
  [`${base}/health`, undefined],
  [`${base}/mcp/a/b`, undefined],
  [`${base}x`, undefined],
  ['/mcp', undefined],
])('%s has the metadata of %s', (path, endpoint) => {
  expect(describedEndpoint(path)).toBe(endpoint)
})

test.each([
  ['https://a.example', '/mcp', `https://a.example${base}/mcp`],
  ['https://a.example', '/mcp/github', `https://a.example${base}/mcp/github`],
  ['https://a.example/team', '/mcp', `https://a.example${base}/team/mcp`],
  ['https://a.example', '/messages/github', `https://a.example${base}/sse/github`],
  ['https://a.example', '/elsewhere', `https://a.example${base}/mcp`],
])('of %s%s the metadata is at %s', (publicUrl, path, url) => {
  expect(metadataUrl(publicUrl, path)).toBe(url)
})

test('a token for one endpoint is not for another one, and one for all of them is for each', () => {
  const audiences = audiencesOf('https://a.example', '/mcp/github')
  expect(audiences).toContain('https://a.example/mcp/github')
  expect(audiences).toContain('https://a.example/mcp')
  expect(audiencesOf('https://a.example', '/mcp/search')).not.toContain('https://a.example/mcp/github')
  expect(audiencesOf('https://a.example', '/mcp')).not.toContain('https://a.example/mcp/github')
})

test('the metadata and the challenge have what there is', () => {
  expect(resourceMetadata('https://a.example', '/mcp', ['https://b.example'], [])).not.toHaveProperty(
    'scopes_supported',
  )
  expect(bearerChallenge({})).toBe('Bearer realm="mcplex"')
  expect(bearerChallenge({ error: 'insufficient_scope', scopes: ['a', 'b'], metadata: 'https://m' })).toBe(
    'Bearer realm="mcplex", error="insufficient_scope", scope="a b", resource_metadata="https://m"',
  )
})
