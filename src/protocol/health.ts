/**
 * Health responses for people (`/health`) and for orchestrators (`/livez`, `/readyz`). This file only renders a report; the
 * gateway makes it and decides how often. A report contains no internals, because anyone may read it; where callers are told
 * apart, not even the names and figures of servers.
 */
import { jsonHeaders, type Outbound } from './inbound.ts'

export type HealthStatus = 'ok' | 'degraded' | 'starting' | 'draining' | 'down'

export interface HealthCheck {
  readonly ok: boolean
  /** What is wrong, or a useful figure. */
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
  /** Bytes kept on behalf of clients and servers, and their limit. */
  readonly memory?: { readonly heldBytes: number; readonly limitBytes: number }
  /** Figures for people: sessions, calls, processes. */
  readonly counts?: Readonly<Record<string, number>>
  /** The figures of each upstream by name, if there may be several; `counts` has their sums. */
  readonly upstreams?: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** Who reads a report: an operator, or each client that reaches the port. */
export type HealthReader = 'operator' | 'anyone'

/** Without what is for operators: the names of servers, their checks, and figures. */
export function reportForAnyone({ status, ready, live, version }: HealthReport): HealthReport {
  return { status, ready, live, checks: {}, version }
}

/** The probe, named after its path. */
export type Probe = 'health' | 'livez' | 'readyz'

/** The report to show if making the real one fails. */
export const noReport: HealthReport = {
  status: 'down',
  ready: false,
  live: true,
  checks: { report: { ok: false, detail: 'the health report failed' } },
  version: '',
}

const noCache = { 'Cache-Control': 'no-store' }

/**
 * The response to a probe. 503 means "not ready" (`/health`, `/readyz`) or "restart this process" (`/livez`).
 * @param verbose lists all checks for `/livez` and `/readyz`, instead of one word
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
