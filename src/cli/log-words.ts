/**
 * Renders the log lines of sessions and calls as sentences: `call echo ok 24 ms (queue 14)  session ca54fee0`. All other
 * lines keep their fields. Pure.
 */

import type { SessionEnd } from '../base/events.ts'

/** A log line as an object. */
export type LogRecord = Readonly<Record<string, unknown>>

/** The line with its fields rendered into the message, if there is a wording for it; else unchanged. */
export function inWords(record: LogRecord): LogRecord {
  const message = text(record, 'msg')
  const wording = /^stop(?:ping:|ped$)/.test(message) ? withReason : wordings.get(message)
  const words = wording?.(record)
  if (words === undefined) return record
  const { level, time } = record
  return { level, time, msg: words }
}

const wordings: ReadonlyMap<string, (record: LogRecord) => string> = new Map(
  Object.entries<(record: LogRecord) => string>({
    call: callInWords,
    'call failed': callInWords,
    'session begins': (record) =>
      joined(
        `session ${text(record, 'session')} begins`,
        text(record, 'client'),
        text(record, 'version'),
        tenantOf(record),
      ),
    'session ends': (record) => {
      const calls = number(record, 'calls')
      const age = duration(number(record, 'age_ms'))
      return joined(
        `session ${text(record, 'session')} ends: ${reasonOf(text(record, 'reason'))}`,
        `after ${age} and ${calls} ${calls === 1 ? 'call' : 'calls'}`,
        tenantOf(record),
      )
    },
    refused: (record) =>
      joined(`refused: ${text(record, 'code')}`, others(record, ['code', 'tenant', 'req_id']), tenantOf(record)),
  }),
)

const reasons: Readonly<Record<SessionEnd, string>> = {
  client: 'its client ended it',
  idle: 'it was idle',
  max_age: 'it was too old',
  no_handshake: 'its handshake was never finished',
  evicted: 'its client was absent, and others waited',
  drain: 'mcplex stops',
  operator: 'an operator ended it',
  revoked: 'its credentials were revoked',
  tenant_removed: 'its tenant was removed, or all that it may use at its endpoint',
  endpoint_removed: 'its endpoint was removed',
  purged: 'the data of its tenant was deleted',
}

const stopReasons: ReadonlyMap<string, string> = new Map([
  ['key', 'q was pressed'],
  ['SIGINT', 'Ctrl-C'],
  ['SIGHUP', 'the terminal was closed'],
  ['runner', 'its npx or npm has ended'],
  ['end', 'stdin has ended'],
  ['operator', 'mcplex drain'],
])

function reasonOf(word: string): string {
  return Object.entries(reasons).find(([known]) => known === word)?.[1] ?? word
}

function withReason(record: LogRecord): string {
  const reason = text(record, 'reason')
  return joined(text(record, 'msg'), `(${stopReasons.get(reason) ?? reason})`)
}

function callInWords(record: LogRecord): string {
  const method = text(record, 'method')
  const tool = text(record, 'tool')
  const what = method === 'tools/call' && tool !== '' ? tool : joinedBy(' ', method, tool)
  const queueMs = number(record, 'queue_ms')
  const queue = queueMs >= 0.5 ? ` (queue ${milliseconds(queueMs)})` : ''
  const [era, upstreamEra] = [text(record, 'era'), text(record, 'upstream_era')]
  const session = text(record, 'session')
  return joined(
    `call ${what} ${text(record, 'status')} ${milliseconds(number(record, 'dur_ms'))} ms${queue}`,
    session === '' ? era : `session ${session}`,
    upstreamEra === '' || upstreamEra === era ? '' : `${upstreamEra} server`,
    tenantOf(record),
    text(record, 'subject') === '' ? '' : `subject ${text(record, 'subject')}`,
  )
}

/** The default tenant is not named. */
function tenantOf(record: LogRecord): string {
  const tenant = text(record, 'tenant')
  return tenant === '' || tenant === 'default' ? '' : `tenant ${tenant}`
}

function others(record: LogRecord, named: readonly string[]): string {
  const known = new Set([...named, 'level', 'time', 'msg'])
  const rest = Object.entries(record).filter(([name]) => !known.has(name))
  return rest.map(([name, value]) => `${name} ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' ')
}

function text(record: LogRecord, name: string): string {
  const value = record[name]
  return typeof value === 'string' ? value.replaceAll(/\s+/g, ' ') : ''
}

function number(record: LogRecord, name: string): number {
  const value = record[name]
  return typeof value === 'number' ? value : 0
}

function milliseconds(ms: number): string {
  return Math.round(ms).toLocaleString('en-US')
}

/** `340 ms`, `12 s`, `4 min`, `2.5 h`. */
function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 120_000) return `${Math.round(ms / 1000)} s`
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`
  return `${(ms / 3_600_000).toFixed(1)} h`
}

/** The non-empty parts, separated by two blanks. */
function joined(...parts: readonly string[]): string {
  return joinedBy('  ', ...parts)
}

function joinedBy(between: string, ...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(between)
}
