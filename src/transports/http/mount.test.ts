import { describe, expect, test } from 'vitest'
import { mountAt } from './mount.ts'

describe('a mount', () => {
  test('at the default path maps every path to itself', () => {
    for (const path of ['/mcp', '/health', '/elsewhere', '/', '']) expect(mountAt('/mcp')(path)).toBe(path)
  })

  test.each([
    ['/api/mcp', '/api/mcp', '/mcp'],
    ['/api/mcp', '/api/readyz', '/readyz'],
    ['/api/tools', '/api/tools', '/mcp'],
    ['/', '/', '/mcp'],
    ['/', '/livez', '/livez'],
    ['/tools', '/health', '/health'],
    ['/tools', '/tools', '/mcp'],
    ['/tools', '/tools/github', '/mcp/github'],
    ['/api/mcp', '/api/mcp/github', '/mcp/github'],
    ['/api/mcp', '/api/sse/github', '/sse/github'],
    ['/api/tools', '/api/messages/github', '/messages/github'],
  ])('at %s maps %s to %s', (at, shown, standalone) => {
    expect(mountAt(at)(shown)).toBe(standalone)
  })

  test.each([
    ['/api/mcp', '/mcp'],
    ['/api/mcp', '/health'],
    ['/api/mcp', '/apiary/health'],
    ['/api/mcp', '/api'],
    ['/api/tools', '/api/mcp'],
    ['/api/tools', '/api/mcp/github'],
    ['/tools', '/mcp/github'],
    ['/tools', '/mcp'],
    ['/', '/mcp'],
  ])('at %s serves nothing at %s', (at, shown) => {
    expect(['', '/', '/mcp/']).toContain(mountAt(at)(shown))
  })

  test('that leaves routing to the framework maps every path to the endpoint', () => {
    for (const path of ['/', '/tenants/7/mcp', '/health', '']) expect(mountAt('*')(path)).toBe('/mcp')
  })

  test.each(['', 'mcp', '**', '/mcp?x', '/mcp#x', 'http://localhost/mcp'])('at %j is refused', (at) => {
    expect(() => mountAt(at)).toThrow(TypeError)
  })
})
