import { describe, expect, test } from 'vitest'
import { silentLog, type LogFields } from '../base/log.ts'
import { Refusal } from '../base/refusal.ts'
import { type RefusalCode, refusals } from '../base/refusals.ts'
import type { Outbound } from './inbound.ts'
import { answerable, internalFault, errorAnswerOf, errorResponse } from './error-response.ts'

const codes = Object.keys(refusals) as RefusalCode[]
const textOf = ({ body }: Outbound): string => (typeof body === 'string' ? body : '')

interface Parsed {
  id: unknown
  error: { code: number; message: string; data: Record<string, unknown> }
}
const parsed = (refusal: Refusal, id?: string): Parsed => JSON.parse(textOf(errorResponse(refusal, id))) as Parsed

describe.each(codes)('the refusal %s', (code) => {
  const row = refusals[code]

  test('is a JSON-RPC error with its reason and the status of its row', () => {
    const outbound = errorResponse(new Refusal(code))
    const wait = row.status === 429 || row.status === 503 ? { retryAfterMs: 1000 } : {}
    expect(outbound.status).toBe(row.status)
    expect(outbound.headers['Content-Type']).toBe('application/json')
    expect(parsed(new Refusal(code))).toEqual({
      jsonrpc: '2.0',
      id: null,
      error: { code: row.rpc, message: row.message, data: { reason: code, ...wait } },
    })
  })

  test('has Retry-After exactly if its status is 429 or 503', () => {
    const { headers } = errorResponse(new Refusal(code))
    expect(headers['Retry-After']).toBe(row.status === 429 || row.status === 503 ? '1' : undefined)
    expect(headers['Allow'] !== undefined).toBe(row.status === 405)
  })
})

test('the id is echoed exactly as written', () => {
  expect(errorResponse(new Refusal('overloaded'), '"a\\u0041"').body).toContain('"id":"a\\u0041"')
  expect(parsed(new Refusal('overloaded'), '7').id).toBe(7)
})

test.each([
  [0, '1'],
  [1, '1'],
  [1000, '1'],
  [1001, '2'],
  [59_500, '60'],
])('a wait of %i ms is Retry-After: %s', (retryAfterMs, header) => {
  expect(errorResponse(new Refusal('draining', { retryAfterMs })).headers['Retry-After']).toBe(header)
})

test('the answer to a request has retryAfterMs in its data, if known', () => {
  const refusal = new Refusal('upstream_unavailable', { retryAfterMs: 2500 })
  expect(parsed(refusal).error.data).toEqual({ reason: 'upstream_unavailable', retryAfterMs: 2500 })
  expect(errorResponse(refusal).headers['Retry-After']).toBeUndefined()
})

test('details replace the message and add data and headers', () => {
  const refusal = new Refusal('unsupported_version', {
    message: 'Not that one.',
    data: { supported: ['a'] },
    headers: { 'X-A': 'b' },
  })
  expect(parsed(refusal).error).toEqual({
    code: -32022,
    message: 'Not that one.',
    data: { reason: 'unsupported_version', supported: ['a'] },
  })
  expect(errorResponse(refusal).headers['X-A']).toBe('b')
})

test('a refusal as an answer is equal to one as a whole response', () => {
  const answer = errorAnswerOf(new Refusal('upstream_closed'))
  expect(answer).toMatchObject({
    kind: 'error',
    error: { value: { code: -32603, data: { reason: 'upstream_closed' } } },
  })
})

test('an unexpected error goes only to the log, under the id that the client gets', () => {
  const lines: LogFields[] = []
  const log = { ...silentLog, error: (fields: LogFields) => void lines.push(fields) }
  const secret = new Error('secret at /srv/app/node_modules/thing/index.js')
  const fault = internalFault(secret, log)
  expect(lines).toEqual([{ id: fault.details.data?.['id'], err: secret }])
  const { body, status } = errorResponse(fault)
  expect(status).toBe(500)
  expect(body).not.toContain('secret')
  expect(body).toContain(String(lines[0]?.['id']))
})

test('a refusal is returned unchanged and not logged as a fault', () => {
  const refusal = new Refusal('not_found', { cause: new Error('secret') })
  const log = { ...silentLog, error: () => expect.unreachable() }
  expect(answerable(refusal, log)).toBe(refusal)
  expect(errorResponse(refusal).body).not.toContain('secret')
})
