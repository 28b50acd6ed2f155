import { expect, test } from 'vitest'
import { type HealthReport, renderHealth, reportForAnyone } from './health.ts'
import type { Outbound } from './inbound.ts'

const textOf = ({ body }: Outbound): string => (typeof body === 'string' ? body : '')

const good: HealthReport = {
  status: 'ok',
  ready: true,
  live: true,
  version: '1.2.3',
  checks: { upstream: { ok: true, ms: 3 }, store: { ok: true, detail: 'memory' } },
}
const bad: HealthReport = {
  ...good,
  status: 'starting',
  ready: false,
  checks: { ...good.checks, upstream: { ok: false, detail: 'does not answer' } },
}

test('/health is the whole report as JSON, with 503 if the gateway is not ready', () => {
  const ok = renderHealth('health', good, false)
  expect(ok.status).toBe(200)
  expect(JSON.parse(textOf(ok))).toEqual(good)
  expect(ok.headers['Content-Type']).toBe('application/json')
  const down = renderHealth('health', bad, false)
  expect(down.status).toBe(503)
  expect(JSON.parse(textOf(down))).toEqual(bad)
})

test('a gateway that is not ready is still alive', () => {
  expect(renderHealth('readyz', bad, false)).toMatchObject({ status: 503, body: 'not ok: starting\n' })
  expect(renderHealth('livez', bad, false)).toMatchObject({ status: 200, body: 'ok\n' })
  expect(renderHealth('livez', { ...bad, live: false }, false).status).toBe(503)
})

test('verbose lists each check with its verdict', () => {
  expect(renderHealth('readyz', good, true).body).toBe('[+]upstream ok\n[+]store ok: memory\nreadyz check passed\n')
  expect(renderHealth('readyz', bad, true).body).toBe(
    '[-]upstream failed: does not answer\n[+]store ok: memory\nreadyz check failed (starting)\n',
  )
})

test('no cache may store a health response', () => {
  for (const probe of ['health', 'livez', 'readyz'] as const) {
    expect(renderHealth(probe, good, false).headers['Cache-Control']).toBe('no-store')
  }
})

test('a report for anyone has no name and no figure of a server', () => {
  const whole = {
    ...bad,
    uptimeSeconds: 1,
    memory: { heldBytes: 1, limitBytes: 2 },
    counts: { a: 1 },
    upstreams: { u: {} },
  }
  const shown = reportForAnyone(whole)
  expect(shown).toEqual({ status: 'starting', ready: false, live: true, checks: {}, version: '1.2.3' })
  expect(renderHealth('readyz', shown, true).body).toBe('readyz check failed (starting)\n')
})
