/**
 * The state of a gateway, for people (`/health`) and for orchestrators (`/livez`, `/readyz`). Says what it is told:
 * finding out, and how often, is the gateway's part. A report holds no internals: everybody may read it.
 */
import { jsonHeaders, type Outbound } from './inbound.ts'

export type HealthStatus = 'ok' | 'degraded' | 'starting' | 'draining' | 'down'

export interface HealthCheck {
  readonly ok: boolean
  /** What is wrong, or a figure worth seeing. */
  readonly detail?: string
  /** How long the check took. */
  readonly ms?: number
}

export interface HealthReport {
  readonly status: HealthStatus
  /** Whether new work should be sent here. */
  readonly ready: boolean
  /** False only if a restart would help. */
  readonly live: boolean
  readonly checks: Readonly<Record<string, HealthCheck>>
  readonly version: string
  readonly uptimeSeconds?: number
  /** Bytes kept on behalf of clients and servers, and how many they may become. */
  readonly memory?: { readonly heldBytes: number; readonly limitBytes: number }
  /** Figures for people: sessions, calls, processes. */
  readonly counts?: Readonly<Record<string, number>>
}

/** Which question was asked: by its path. */
export type Probe = 'health' | 'livez' | 'readyz'

/** What is reported when the report itself cannot be made. */
export const noReport: HealthReport = {
  status: 'down',
  ready: false,
  live: true,
  checks: { report: { ok: false, detail: 'the health report failed' } },
  version: '',
}

const noCache = { 'Cache-Control': 'no-store' }

/**
 * The answer to a probe. 503 says "not ready" (`/health`, `/readyz`) or "restart me" (`/livez`).
 * @param verbose lists the checks of a probe that otherwise says one word
 */
export function renderHealth(probe: Probe, report: HealthReport, verbose: boolean): Outbound {
  const good = probe === 'livez' ? report.live : report.ready
  const status = good ? 200 : 503
  if (probe === 'health') {
    return {
      status,
      headers: { ...jsonHeaders, ...noCache },
      body: `${JSON.stringify(report, null, 2)}\n`,
    }
  }
  return {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', ...noCache },
    body: verbose ? checkList(probe, report, good) : `${good ? 'ok' : `not ok: ${report.status}`}\n`,
  }
}

function checkList(probe: Probe, report: HealthReport, good: boolean): string {
  let text = ''
  for (const [name, check] of Object.entries(report.checks)) {
    const detail = check.detail === undefined ? '' : `: ${check.detail}`
    text += check.ok ? `[+]${name} ok${detail}\n` : `[-]${name} failed${detail}\n`
  }
  return `${text}${probe} check ${good ? 'passed' : `failed (${report.status})`}\n`
}
