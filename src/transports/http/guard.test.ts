import { describe, expect, test } from 'vitest'
import { asRefusal } from '../../base/refusal.ts'
import {
  checkAccept,
  checkContent,
  checkFraming,
  checkHeaders,
  declaredLength,
  hostRules,
  isAllowedOrigin,
} from './guard.ts'

const passed = 'passed'

function outcome(check: () => unknown): string {
  try {
    check()
    return passed
  } catch (error) {
    return asRefusal(error)?.code ?? String(error)
  }
}

describe('headers', () => {
  const once = ['Host', 'a', 'Accept', 'b', 'X-Forwarded-For', 'c', '__proto__', 'd', 'Mcp-Param-A', 'e']

  test.each([
    'Host',
    'ORIGIN',
    'authorization',
    'Mcp-Session-Id',
    'mcp-method',
    'Mcp-Name',
    'MCP-Protocol-Version',
    'Last-Event-ID',
    'Content-Type',
    'Content-Length',
    'Content-Encoding',
    'Transfer-Encoding',
  ])('%s may come once and not twice, however it is spelled', (name) => {
    const rest = once.slice(2)
    expect(outcome(() => checkHeaders([...rest, name, 'x']))).toBe(passed)
    expect(outcome(() => checkHeaders([name, 'x', ...rest, name.toUpperCase(), 'x']))).toBe('bad_header')
  })

  test('headers that are lists may come twice', () => {
    expect(outcome(() => checkHeaders([...once, 'Accept', 'b', 'X-Forwarded-For', 'c']))).toBe(passed)
  })

  test('two hundred headers pass, one more does not', () => {
    const lines = Array.from({ length: 200 }, (_, i) => [`X-${i}`, 'v']).flat()
    expect(outcome(() => checkHeaders(lines))).toBe(passed)
    expect(outcome(() => checkHeaders([...lines, 'X-200', 'v']))).toBe('headers_too_large')
  })
})

test('only a request of HTTP/1.0 may come without a host', () => {
  expect(outcome(() => checkFraming('1.1', 'localhost', undefined))).toBe(passed)
  expect(outcome(() => checkFraming('1.0', undefined, undefined))).toBe(passed)
  expect(outcome(() => checkFraming('1.1', undefined, undefined))).toBe('bad_header')
  expect(outcome(() => checkFraming('0.9', 'localhost', undefined))).toBe('bad_header')
})

test('chunked is the only transfer coding that is accepted', () => {
  expect(outcome(() => checkFraming('1.1', 'localhost', 'Chunked'))).toBe(passed)
  for (const coding of ['gzip, chunked', 'identity', '', 'chunked, chunked']) {
    expect(
      outcome(() => checkFraming('1.1', 'localhost', coding)),
      coding,
    ).toBe('bad_header')
  }
})

describe('hosts', () => {
  const local = hostRules({ host: '127.0.0.1', allowHosts: ['mcp.example.com', 'other.example.com:8443'] })
  const hostOutcome = (host: string | undefined, rules = local, address = '127.0.0.1'): string =>
    outcome(() => rules.check(host, address))

  test.each([
    'localhost',
    'localhost:8080',
    'LocalHost:1',
    '127.0.0.1:65535',
    '[::1]',
    '[::1]:80',
    'mcp.example.com',
    'MCP.example.com:443',
    'other.example.com:8443',
  ])('%s is allowed', (host) => {
    expect(hostOutcome(host)).toBe(passed)
    expect(hostOutcome(host), 'remembered').toBe(passed)
  })

  test.each([
    'evil.example',
    'localhost.evil.example',
    'evil-localhost',
    'localhost.',
    'sub.mcp.example.com',
    'other.example.com',
    'other.example.com:80',
    '127.0.0.2',
    '127.1',
    '2130706433',
    '0.0.0.0',
    '0.0.0.0:8080',
    '192.168.1.1',
    '[::]',
    '[::ffff:127.0.0.1]',
    '[0:0:0:0:0:0:0:1]',
  ])('%s is foreign', (host) => {
    expect(hostOutcome(host)).toBe('forbidden_host')
    expect(hostOutcome(host), 'not remembered').toBe('forbidden_host')
  })

  test.each([
    '',
    ' ',
    'evil@127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:port',
    '127.0.0.1:80:80',
    'localhost/..',
    'localhost, evil.example',
    'http://localhost',
    '::1',
    '[::1',
    '[localhost]',
    'local host',
    'localhost\u0000',
    'a'.repeat(300),
  ])('%j is not a host', (host) => {
    expect(hostOutcome(host)).toBe('bad_header')
  })

  test('a request without a host is not from a browser and passes', () => {
    expect(hostOutcome(undefined)).toBe(passed)
  })

  test('the configured address is allowed', () => {
    const rules = hostRules({ host: 'fd00::7', allowHosts: [] })
    expect(hostOutcome('[fd00::7]:8080', rules)).toBe(passed)
    expect(hostOutcome('[fd00::8]:8080', rules)).toBe('forbidden_host')
  })

  test.each(['0.0.0.0', '::'])(
    'listening on %s, the local address of a connection is allowed, and no name is',
    (host) => {
      const rules = hostRules({ host, allowHosts: [] })
      expect(hostOutcome('10.1.2.3:8080', rules, '10.1.2.3')).toBe(passed)
      expect(hostOutcome('10.1.2.3:8080', rules, '::ffff:10.1.2.3')).toBe(passed)
      expect(hostOutcome('[fd00::7]', rules, 'fd00::7')).toBe(passed)
      expect(hostOutcome('10.1.2.3:8080', rules, '10.1.2.4')).toBe('forbidden_host')
      expect(hostOutcome('evil.example', rules, '10.1.2.3')).toBe('forbidden_host')
    },
  )

  test('listening on one address, another address of the machine is foreign', () => {
    expect(hostOutcome('10.1.2.3', local, '10.1.2.3')).toBe('forbidden_host')
  })
})

describe('origins', () => {
  test.each([
    'http://localhost',
    'https://localhost',
    'http://localhost:3000',
    'http://127.0.0.1:65535',
    'https://127.0.0.1:80',
    'http://[::1]:6274',
  ])('%s is a page of this machine', (origin) => {
    expect(isAllowedOrigin(origin, [])).toBe(true)
  })

  test.each([
    'null',
    '',
    'http://evil.example',
    'https://evil.example:8080',
    'http://localhost.evil.example',
    'http://evil-localhost',
    'http://127.0.0.1.evil.example',
    'http://evil@127.0.0.1',
    'http://localhost@evil.example',
    'http://localhost:3000@evil.example',
    'http://localhost.',
    'http://LOCALHOST',
    'HTTP://localhost',
    'ftp://127.0.0.1',
    'file://',
    'http:localhost',
    '//localhost',
    'localhost',
    'http://localhost/',
    'http://localhost?',
    'http://localhost#',
    'http://localhost:',
    'http://localhost:0',
    'http://localhost:080',
    'http://localhost:80',
    'https://localhost:443',
    'http://localhost:65536',
    'http://localhost:99999',
    'http://127.0.0.2',
    'http://127.1',
    'http://2130706433',
    'http://0x7f000001',
    'http://0.0.0.0',
    'http://[::]',
    'http://[0:0:0:0:0:0:0:1]',
    'http://[::ffff:127.0.0.1]',
    'http://localhost http://evil.example',
    'http://localhost, http://evil.example',
    'http://localhost\n',
    ' http://localhost',
    'chrome-extension://abcdef',
  ])('%j is foreign', (origin) => {
    expect(isAllowedOrigin(origin, [])).toBe(false)
  })

  test('a listed origin is compared exactly', () => {
    const allowed = ['https://app.example.com', 'null']
    expect(isAllowedOrigin('https://app.example.com', allowed)).toBe(true)
    expect(isAllowedOrigin('null', allowed)).toBe(true)
    for (const other of [
      'https://app.example.com:443',
      'https://app.example.com/',
      'http://app.example.com',
      'https://APP.example.com',
    ]) {
      expect(isAllowedOrigin(other, allowed), other).toBe(false)
    }
  })
})

describe('bodies', () => {
  test('the declared length decides before anything is read', () => {
    expect(declaredLength(undefined, undefined, 10)).toBeUndefined()
    expect(declaredLength('0', undefined, 10)).toBeUndefined()
    expect(declaredLength('10', undefined, 10)).toBe(10)
    expect(declaredLength(undefined, 'chunked', 10)).toBeNaN()
    expect(outcome(() => declaredLength('11', undefined, 10))).toBe('request_too_large')
    expect(outcome(() => declaredLength('99999999999999999999', undefined, 10))).toBe('request_too_large')
    for (const odd of ['ten', '', ' ', '-1', '+1', '0x1', '1e0', '1.0', '1, 1', ' 1']) {
      expect(
        outcome(() => declaredLength(odd, undefined, 10)),
        odd,
      ).toBe('request_too_large')
    }
  })

  test('compressed bodies are refused', () => {
    for (const coding of ['gzip', 'br', 'deflate', 'gzip, identity']) {
      expect(
        outcome(() => checkContent('application/json', coding)),
        coding,
      ).toBe('unsupported_media_type')
    }
    expect(outcome(() => checkContent('application/json', 'Identity'))).toBe(passed)
  })

  test.each([
    'application/json',
    'Application/JSON',
    'application/json;charset=utf-8',
    'application/json; charset=UTF-8',
    'application/json ; charset="utf-8"',
    'application/json; charset=utf8',
    'application/json;',
    'application/json; profile="a b"; charset=utf-8',
  ])('%s is JSON', (type) => {
    expect(outcome(() => checkContent(type, undefined))).toBe(passed)
  })

  test.each([
    undefined,
    '',
    'text/plain',
    'text/plain; application/json',
    'text/plain; a="application/json"',
    'application/json, text/plain',
    'application/jsonp',
    'application/json5',
    'application/json-rpc',
    'xapplication/json',
    'application/json/',
    'application/ json',
    'application/json; charset=latin1',
    'application/json; charset=utf-16',
    'application/json; charset=utf-8; charset=utf-7',
    'application/json; charset="utf-8',
    'application/json charset=utf-8',
    'multipart/form-data; boundary=application/json',
    `application/json; a=${'b'.repeat(300)}`,
  ])('%s is not JSON', (type) => {
    expect(outcome(() => checkContent(type, undefined))).toBe('unsupported_media_type')
  })
})

describe('answers', () => {
  test.each([
    undefined,
    'application/json, text/event-stream',
    'text/event-stream,application/json',
    'TEXT/event-stream; q=0.5, Application/Json;q=0.9',
    '*/*',
    'application/*, text/*',
    'application/json, */*;q=0.1',
    'application/json',
    'text/event-stream',
  ])('a client that sends Accept %s is allowed to POST', (accept) => {
    expect(outcome(() => checkAccept('POST', accept))).toBe(passed)
  })

  test.each(['', 'text/html', 'application/jsonx, text/event-streams', '*/*;q=0'])(
    'a POST with Accept %j is refused',
    (accept) => {
      expect(outcome(() => checkAccept('POST', accept))).toBe('not_acceptable')
    },
  )

  test('a GET must accept an event stream and need not accept JSON', () => {
    expect(outcome(() => checkAccept('GET', 'text/event-stream'))).toBe(passed)
    expect(outcome(() => checkAccept('POST', 'application/json', '/messages'))).toBe(passed)
    expect(outcome(() => checkAccept('GET', undefined))).toBe(passed)
    expect(outcome(() => checkAccept('GET', 'application/json'))).toBe('not_acceptable')
  })
})

test('no header value makes the checks slow', () => {
  const hostile = [
    `application/json;${' '.repeat(16_000)}x`,
    `application/json${'; '.repeat(8_000)}x`,
    `application/json;${'a='.repeat(8_000)}`,
    `application/json;${'a="'.repeat(5_000)}`,
  ]
  // Each takes microseconds; a pattern that backtracks would take minutes, and the test its time limit.
  for (const text of hostile) {
    outcome(() => checkContent(text, undefined))
    outcome(() => checkAccept('POST', text.replaceAll(';', ',')))
    outcome(() => checkAccept('POST', text))
    isAllowedOrigin(text, [])
    outcome(() => hostRules({ host: '127.0.0.1', allowHosts: [] }).check(text, undefined))
  }
})
