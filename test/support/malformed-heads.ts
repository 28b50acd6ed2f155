/** Requests with proper bodies and wrong headers, methods and paths. */
import { requestBytes } from './raw-http.ts'
import { call, post, type Case, type WireFormat } from './wire-format.ts'

export function wrongHeaders(format: WireFormat): Case[] {
  const whole = format.request('tools/call', call)
  const cases: Case[] = []
  const add = (name: string, headers: Record<string, string | undefined>, mayPass = false): void =>
    void cases.push({ name, bytes: post(format, whole, headers), mayPass })
  const types = [
    'text/plain',
    'text/plain; application/json',
    'application/jsonx',
    'application/json; charset=utf-16',
    '*/*',
    ';',
  ]
  for (const type of [undefined, ...types]) add(`Content-Type ${type}`, { 'Content-Type': type })
  for (const coding of ['gzip', 'br', 'deflate', 'x', 'gzip, gzip'])
    add(`Content-Encoding ${coding}`, { 'Content-Encoding': coding })
  for (const accept of ['', 'text/html', 'x', ',,,']) add(`Accept ${accept}`, { Accept: accept })
  for (const origin of ['null', 'http://evil.example', 'http://evil@localhost', 'file://'])
    add(`Origin ${origin}`, { Origin: origin })
  for (const host of ['evil.example', 'evil@localhost', '', 'localhost:port', '[::1'])
    add(`Host ${host}`, { Host: host })
  for (const version of ['', '1', '2024-01-01', '9999-99-99', 'x'.repeat(10_000), '2025-11-25, 2026-07-28']) {
    add(`MCP-Protocol-Version ${version.slice(0, 30)}`, { 'MCP-Protocol-Version': version })
  }
  const ids = [
    '',
    'x',
    'x y',
    'é',
    '*',
    "' OR 1=1 --",
    '../../etc/passwd',
    'x'.repeat(10_000),
    '0',
    'null',
    'undefined',
    '[object Object]',
  ]
  for (const id of ids) {
    // Clients of the stateless revision may send what they like there: it is ignored.
    add(`Mcp-Session-Id ${id.slice(0, 30)}`, { 'Mcp-Session-Id': id }, format.era === 'modern')
  }
  add('an unread Last-Event-ID', { 'Last-Event-ID': 'x'.repeat(5_000) }, true)
  if (format.era === 'modern') {
    for (const value of [undefined, '', 'tools/list', 'TOOLS/CALL', '=?base64?!!!?=', '=?base64?dG9vbHMvbGlzdA==?=']) {
      add(`Mcp-Method ${value}`, { 'Mcp-Method': value })
    }
    for (const value of [
      undefined,
      '',
      'crash',
      'ECHO',
      '=?base64?ZWNobw?=',
      '=?base64?/w==?=',
      '=?BASE64?ZWNobw==?=',
    ]) {
      add(`Mcp-Name ${value}`, { 'Mcp-Name': value })
    }
  } else {
    add('no session', { 'Mcp-Session-Id': undefined })
    for (const id of [
      'x',
      '1',
      '__proto__',
      '0.0.0',
      '-1',
      'x'.repeat(10_000),
      'epoch.stream.1',
      '99999999999999999999',
    ]) {
      const headers = { ...format.headers(), Accept: 'text/event-stream', 'Last-Event-ID': id }
      cases.push({
        name: `resuming after ${id.slice(0, 30)}`,
        bytes: requestBytes('GET /mcp', headers),
      })
    }
  }
  for (const method of ['PUT', 'PATCH', 'TRACE', 'PROPFIND', 'CONNECT']) {
    cases.push({ name: method, bytes: requestBytes(`${method} /mcp`, format.headers()) })
  }
  for (const verb of ['GET', 'DELETE']) {
    const headers = { ...format.headers(), 'Mcp-Session-Id': 'unknown', Accept: 'text/event-stream' }
    cases.push({ name: `${verb} without a session`, bytes: requestBytes(`${verb} /mcp`, headers) })
  }
  for (const path of [
    '/',
    '//mcp',
    '/mcp/..',
    '/mcp%00',
    '/..%2f..%2fetc/passwd',
    '/__proto__',
    '/messages',
    '/mcp/x',
  ]) {
    cases.push({ name: `POST ${path}`, bytes: requestBytes(`POST ${path}`, format.headers(), whole) })
  }
  return cases
}
