import { describe, expect, test } from 'vitest'
import { mountAt } from './mount.ts'

describe('a mount', () => {
  test('at the usual path shows every path as it is', () => {
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
  ])('at %s takes %s for %s', (at, shown, ours) => {
    expect(mountAt(at)(shown)).toBe(ours)
  })

  test.each([
    ['/api/mcp', '/mcp'],
    ['/api/mcp', '/health'],
    ['/api/mcp', '/apiary/health'],
    ['/api/mcp', '/api'],
    ['/api/tools', '/api/mcp'],
    ['/tools', '/mcp'],
    ['/', '/mcp'],
  ])('at %s has nothing of ours at %s', (at, shown) => {
    expect(['', '/', '/mcp/']).toContain(mountAt(at)(shown))
  })

  test('that is left to the framework takes every path for the endpoint', () => {
    for (const path of ['/', '/tenants/7/mcp', '/health', '']) expect(mountAt('*')(path)).toBe('/mcp')
  })

  test.each(['', 'mcp', '**', '/mcp?x', '/mcp#x', 'http://localhost/mcp'])('at %j is refused', (at) => {
    expect(() => mountAt(at)).toThrow(TypeError)
  })
})
