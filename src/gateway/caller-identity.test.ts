import { expect, test } from 'vitest'
import { createMemoryBackplane } from '../backplane/memory.ts'
import { Cancel } from '../base/cancel.ts'
import { manualClock, wallMs } from '../base/clock.ts'
import { CoarseTimers } from '../base/coarse-timers.ts'
import { createEvents } from '../base/events.ts'
import { createLease } from '../base/lease.ts'
import { silentLog as log } from '../base/log.ts'
import { createMemoryBudget } from '../base/memory-budget.ts'
import { newApiKey } from '../identity/api-key.ts'
import { writeKeyLine } from '../identity/key-record.ts'
import type { AuthSettings } from '../identity/options.ts'
import type { ClientDescription } from '../protocol/call.ts'
import type { Inbound } from '../protocol/inbound.ts'
import { createJournalledStreams } from '../sessions/journalled-streams.ts'
import { createSessions, type Sessions } from '../sessions/sessions.ts'
import { type CallerIdentity, createCallerIdentity } from './caller-identity.ts'
import { GatedRequest } from './gated-request.ts'
import { authenticateCaller } from './request-gates.ts'

const none: AuthSettings = {
  methods: ['none'],
  keysFile: undefined,
  keys: [],
  issuers: [],
  publicUrl: undefined,
  scopes: [],
  proxyFrom: [],
  proxySecret: undefined,
  proxySecretHeader: 'x-mcplex-proxy-secret',
  proxyUserHeader: 'x-forwarded-user',
  proxyTenantHeader: undefined,
  proxyTenant: undefined,
  proxyScopesHeader: undefined,
}
const client: ClientDescription = { era: 'legacy', version: '2025-11-25', capabilities: {}, info: undefined }
const sessionSettings = {
  idleTimeoutMs: 1_800_000,
  idleTimeoutIsFinal: false,
  maxSessionMs: 14_400_000,
  handshakeTimeoutMs: 1_800_000,
  evictIdleMs: 60_000,
  answerTimeoutMs: 600_000,
  eventsPerStream: 100,
  bytesPerStream: 100_000,
  retentionMs: 1000,
  keepAliveMs: 15_000,
  slowReaderMs: 30_000,
  stateBytes: 65_536,
}

function fixture(auth: AuthSettings): {
  readonly clock: ReturnType<typeof manualClock>
  readonly identity: CallerIdentity
  readonly sessions: Sessions
  /** Why sessions ended, in order. */
  readonly ends: string[]
} {
  const clock = manualClock()
  const events = createEvents()
  const ends: string[] = []
  events.on('sessionEnded', ({ reason }) => ends.push(reason))
  const memory = createMemoryBudget(1_000_000)
  const backplane = createMemoryBackplane({ clock })
  const { createOutput } = createJournalledStreams({
    journals: backplane.journals,
    settings: sessionSettings,
    memory,
    timers: new CoarseTimers(clock),
    clock,
    expiredText: () => 'expired',
  })
  const ping = (): void => undefined
  const settings = sessionSettings
  const sessions = createSessions({ backplane, memory, settings, clock, events, createOutput, ping, onEnd: ping })
  const identity = createCallerIdentity({ parts: { settings: { auth } }, sessions, clock, log, events })
  return { clock, identity, sessions, ends }
}

async function requestOf(identity: CallerIdentity, headers: Inbound['headers'] = {}): Promise<GatedRequest> {
  const body = async (): Promise<string> => '{}'
  const closed = new Cancel()
  const request = new GatedRequest({ method: 'POST', path: '/mcp', headers, connection: 'c', body, closed })
  await authenticateCaller(request, identity)
  return request
}

const keyOf = (expiresAtMs?: number): { text: string; line: string } => {
  const { id, hash, text } = newApiKey()
  const ends = expiresAtMs === undefined ? {} : { expiresAtMs }
  return { text, line: writeKeyLine({ id, hash, tenant: 'acme', subject: 'ann', ...ends }) }
}

test('a request without credentials ends when other settings ask for some, and only then', async () => {
  const { identity } = fixture(none)
  const { inbound } = await requestOf(identity)
  identity.prepare({ ...none, scopes: ['mcp:tools tools/*'] })()
  expect(inbound.closed.cancelled).toBe(false)
  identity.prepare({ ...none, methods: ['keys'], keys: [keyOf().line] })()
  expect(inbound.closed.cancelled).toBe(true)
  await expect(inbound.body()).rejects.toMatchObject({ code: 'unauthorized' })
  identity.close()
})

test('a session ends with the last key of its subject, when it ends by time as well', async () => {
  const end = wallMs() + 3000
  const [first, last] = [keyOf(end), keyOf(end)]
  const lasting = keyOf()
  const keys = [first.line, last.line, lasting.line.replace('subject=ann', 'subject=bob')]
  const { clock, identity, sessions, ends } = fixture({ ...none, methods: ['keys'], keys })
  for (const { text } of [first, lasting]) {
    const { principal } = await requestOf(identity, { 'x-api-key': text })
    const lease = createLease(() => undefined)
    await sessions.open(principal, client, lease)
  }
  await expect
    .poll(
      () => {
        clock.advance(5000)
        return ends
      },
      { timeout: 20_000 },
    )
    .toEqual(['revoked'])
  expect([...sessions.all()].map(({ session }) => session.principal.subject)).toEqual(['bob'])
  identity.close()
})
