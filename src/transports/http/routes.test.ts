import { describe, expect, test } from 'vitest'
import { asRefusal } from '../../base/refusal.ts'
import { answerOptions, isVerbose, readTarget, route } from './routes.ts'

function refusal(method: string, path: string): { code: string | undefined; allow: string | undefined } {
  try {
    route(method, path)
  } catch (error) {
    const refused = asRefusal(error)
    return { code: refused?.code, allow: refused?.details.headers?.['Allow'] }
  }
  return { code: undefined, allow: undefined }
}

describe('paths', () => {
  test('the endpoint takes POST, GET and DELETE', () => {
    for (const method of ['POST', 'GET', 'DELETE']) expect(route(method, '/mcp')).toEqual({ kind: 'mcp' })
  })

  test('probes take GET and HEAD', () => {
    for (const probe of ['health', 'livez', 'readyz']) {
      for (const method of ['GET', 'HEAD']) expect(route(method, `/${probe}`)).toEqual({ kind: 'probe', probe })
    }
  })

  test.each(['PUT', 'PATCH', 'HEAD', 'TRACE', 'PROPFIND', 'QUERY', 'get', ''])(
    'the endpoint refuses %j and names the methods that it takes',
    (method) => {
      expect(refusal(method, '/mcp')).toEqual({ code: 'method_not_allowed', allow: 'GET, POST, DELETE, OPTIONS' })
    },
  )

  test('the two paths of HTTP+SSE take one method each, and a POST to the stream path is refused with 405', () => {
    expect(route('GET', '/sse')).toEqual({ kind: 'mcp' })
    expect(route('POST', '/messages')).toEqual({ kind: 'mcp' })
    expect(refusal('POST', '/sse')).toEqual({ code: 'method_not_allowed', allow: 'GET, OPTIONS' })
    expect(refusal('GET', '/messages')).toEqual({ code: 'method_not_allowed', allow: 'POST, OPTIONS' })
    expect(refusal('DELETE', '/sse').code).toBe('method_not_allowed')
    expect(route('OPTIONS', '/messages')).toEqual({ kind: 'options', allow: 'POST, OPTIONS' })
  })

  test('probes refuse POST and name the methods that they take', () => {
    expect(refusal('POST', '/health')).toEqual({ code: 'method_not_allowed', allow: 'GET, HEAD, OPTIONS' })
  })

  test.each([
    '/',
    '',
    '*',
    '//mcp',
    '/MCP',
    '/%6dcp',
    '/./mcp',
    '/mcp/../mcp',
    '/mcp\\',
    '/healthz',
    '/__proto__',
    '/constructor',
  ])('%j has no route', (path) => {
    expect(refusal('POST', path).code).toBe('not_found')
    expect(refusal('TRACE', path).code).toBe('not_found')
  })
})

describe('request targets', () => {
  test.each([
    ['/mcp', { path: '/mcp', query: '' }],
    ['/mcp?a=b?c', { path: '/mcp', query: 'a=b?c' }],
    ['//evil.example/mcp', { path: '//evil.example/mcp', query: '' }],
    ['http://evil.example/mcp?a', { path: '/mcp', query: 'a', authority: 'evil.example' }],
    ['HTTPS://[::1]:8080/mcp', { path: '/mcp', query: '', authority: '[::1]:8080' }],
    ['http://localhost', { path: '/', query: '', authority: 'localhost' }],
    ['http://localhost?verbose', { path: '/', query: 'verbose', authority: 'localhost' }],
    ['http:///mcp', { path: '/mcp', query: '', authority: '' }],
    ['*', { path: '*', query: '' }],
    ['mcp', { path: 'mcp', query: '' }],
    ['', { path: '', query: '' }],
  ])('%s', (url, target) => {
    expect(readTarget(url)).toEqual(target)
  })

  test('only the parameter verbose asks for the long form', () => {
    for (const query of ['verbose', 'verbose=', 'verbose=1', 'a=b&verbose', 'verbose&a']) {
      expect(isVerbose(query), query).toBe(true)
    }
    for (const query of ['', 'averbose', 'verbosely', 'a=verbose', 'verbose=0', 'verbose=false']) {
      expect(isVerbose(query), query).toBe(false)
    }
  })
})

describe('OPTIONS', () => {
  test('the answer to a preflight lists every header of the protocol, and the parameter headers that it asks for', () => {
    const wanted = 'content-type, mcp-param-Region, x-evil, Mcp-Param-b c, mcp-param-'
    const { status, headers } = answerOptions('GET, POST', true, wanted)
    expect(status).toBe(204)
    expect(headers['Access-Control-Allow-Methods']).toBe('GET, POST')
    expect(headers['Access-Control-Allow-Headers']).toBe(
      'Authorization, X-Api-Key, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Last-Event-ID, Mcp-Method, Mcp-Name, mcp-param-Region',
    )
    expect(headers['Vary']).toContain('Origin')
  })

  test('the answer to a plain OPTIONS lists the methods', () => {
    expect(answerOptions('GET, POST', false, undefined)).toEqual({
      status: 204,
      headers: { Allow: 'GET, POST' },
      body: '',
    })
  })
})
