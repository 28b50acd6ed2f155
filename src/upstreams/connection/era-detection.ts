/**
 * Finds out which eras a stdio server speaks, with as few processes as possible.
 *
 * 1. A first process is sent `server/discover`, the first request of the stateless era.
 * 2. It answers: the server speaks the stateless era. A second process is sent `initialize`, to learn whether it speaks the
 *    session-based era as well. Not the first one, because a server may take the era of its first request for all others.
 * 3. It answers with an error, or not at all: the first process is sent `initialize`. If that fails, too, a new process is
 *    sent `initialize` alone: some servers end, or stay silent, after a request that they do not know.
 *
 * One process is started after the other: two runs of `npx` that both download a program for the first time disturb each
 * other. If the operator has named an era, only that one is tried.
 * [2026-07-28 versioning: any error or silence means a session-based server; no single code does]
 */
import { type Clock, pause } from '../../base/clock.ts'
import { asRefusal } from '../../base/refusal.ts'
import { type RawObject, rawObject } from '../../protocol/json-text.ts'
import type { EraName, ClientDescription } from '../../protocol/call.ts'
import type { UpstreamConnection } from './connection.ts'
import { ownInfo } from '../server-era.ts'
import { discover, sendInitialize } from './handshake.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'

export interface Found {
  readonly connection: UpstreamConnection
  readonly serverDescription: RawObject
}

export interface Eras {
  readonly modern: Found | undefined
  readonly legacy: Found | undefined
  /** Whether the second process could only be started after the end of the first; the stateless one is closed then. */
  readonly isOnlyOne?: boolean
  /** The invalid answer to `initialize`, in words for the operator. */
  readonly words: string | undefined
}

export interface EraDetectionNeeds {
  /** Starts a process and connects to it without sending anything. */
  readonly connect: (era: EraName) => UpstreamConnection
  /** Whether another process may be started. */
  readonly hasRoom: () => boolean
  readonly clock: Clock
  readonly startTimeoutMs: number
  /** The only era that the server can speak, or that the operator has named: no other is tried. */
  readonly pinned: EraName | undefined
  readonly clientDescriptionOf: (era: EraName) => ClientDescription
  /** Called at once with the answer to `server/discover`. */
  readonly discovered: (serverDescription: RawObject) => void
  /** Whether to stop early if `initialize` is ignored: with one client, a wrong guess affects only that client. */
  readonly stopsEarly: boolean
}

/** How long to wait for an answer to `server/discover` before `initialize` is sent to the same process. */
const silenceMs = 3000
/** How long a stateless server may take to accept or refuse `initialize` in a second process. */
const secondMs = 5000
/** After `ask`, `server/discover` is sent as well; if `initialize` is unanswered `wait` after its answer, it was ignored. */
const ignoredMs = { ask: 500, wait: 1000 }

/** Both eras are undefined if no handshake succeeded. With room for one process only, the first one is closed. */
export async function detectEras(needs: EraDetectionNeeds): Promise<Eras> {
  if (needs.pinned === 'legacy') return openSessionBased(needs)
  const nothing = rawObject({})
  const endMs = needs.clock.now() + needs.startTimeoutMs
  // All attempts on one process share one time-out.
  const leftMs = (): number => Math.max(0, endMs - needs.clock.now())
  let words: string | undefined
  const keepWords = (error: unknown): undefined => {
    // A refusal comes from us: the time-out has passed, or the process has ended.
    if (!asRefusal(error)) words = error instanceof Error ? error.message : String(error)
    else if (asRefusal(error)?.code === 'upstream_timeout') words = undefined
  }
  const initialize = (connection: UpstreamConnection, timeoutMs: number): Promise<RawObject | undefined> =>
    sendInitialize(connection, needs.clientDescriptionOf('legacy'), nothing, ownInfo, timeoutMs).catch(keepWords)
  const initializeSecond = (second: UpstreamConnection): Promise<RawObject | undefined> => {
    const initialized = initialize(second, secondMs)
    return needs.stopsEarly ? Promise.race([initialized, ignored(second, needs)]) : initialized
  }
  const first = needs.connect('modern')
  if (needs.pinned === 'modern') {
    const description = needs.clientDescriptionOf('modern')
    const found = await discover(first, description, nothing, needs.startTimeoutMs).catch(keepWords)
    if (found) needs.discovered(found)
    return { modern: found && { connection: first, serverDescription: found }, legacy: undefined, words }
  }
  const asked = discover(first, needs.clientDescriptionOf('modern'), nothing, needs.startTimeoutMs).catch(
    () => undefined,
  )
  const early = await Promise.race([
    asked.then((serverDescription) => serverDescription ?? 'no'),
    pause(needs.clock, silenceMs).then(() => 'silent' as const),
  ])

  if (typeof early === 'object') {
    needs.discovered(early)
    if (!needs.hasRoom()) await first.close('not_needed')
    const second = needs.connect('legacy')
    const legacy = await initializeSecond(second)
    const modern = { connection: first, serverDescription: early }
    if (legacy) return { modern, legacy: { connection: second, serverDescription: legacy }, words }
    const endedByItself = second.closed
    await second.close('not_needed')
    // If it ended by itself, it may have rejected `initialize`, or the fact that another process runs.
    if (!endedByItself || first.closed) return { modern, legacy: undefined, words }
    await first.close('not_needed')
    const alone = needs.connect('legacy')
    const serverDescription = await initializeSecond(alone)
    if (serverDescription) return { modern, legacy: { connection: alone, serverDescription }, isOnlyOne: true, words }
    await alone.close('not_needed')
    const again = needs.connect('modern')
    const found = await discover(again, needs.clientDescriptionOf('modern'), nothing, needs.startTimeoutMs).catch(
      () => undefined,
    )
    if (!found) await again.close('start_failed')
    return { modern: found ? { connection: again, serverDescription: found } : modern, legacy: undefined, words }
  }

  // A slow start looks like silence: the first request with a valid answer decides.
  const late =
    early === 'silent' ? asked.then((description) => description && verdictOf('modern', description)) : undefined
  const initialized = first.closed
    ? undefined
    : initialize(first, leftMs()).then((description) => description && verdictOf('legacy', description))
  const verdict = await firstDefined([late, initialized])
  if (verdict?.era === 'modern')
    return { modern: { connection: first, serverDescription: verdict.serverDescription }, legacy: undefined, words }
  if (verdict) {
    first.codec = legacyUpstreamCodec
    return { modern: undefined, legacy: { connection: first, serverDescription: verdict.serverDescription }, words }
  }

  // If it ended by itself, it may have started slowly, and the next process needs as long again.
  const endedByItself = first.closed
  const ended = first.close('start_failed')
  if (!endedByItself && leftMs() === 0) return { modern: undefined, legacy: undefined, words }
  if (!needs.hasRoom()) await ended
  const fresh = needs.connect('legacy')
  const legacy = await initialize(fresh, endedByItself ? needs.startTimeoutMs : leftMs())
  if (!legacy) await fresh.close('start_failed')
  return { modern: undefined, legacy: legacy && { connection: fresh, serverDescription: legacy }, words }
}

/**
 * Resolves when a process has ignored `initialize`: it has answered the request sent after that, and `initialize` is
 * still unanswered. Stays pending otherwise; silence has a deadline of its own.
 */
async function ignored(
  second: UpstreamConnection,
  { clock, clientDescriptionOf }: EraDetectionNeeds,
): Promise<undefined> {
  await pause(clock, ignoredMs.ask)
  const isAnswered = await discover(second, clientDescriptionOf('modern'), rawObject({}), secondMs).then(
    () => true,
    // A refusal comes from us: there was no answer.
    (error: unknown) => asRefusal(error) === undefined,
  )
  if (!isAnswered) return new Promise(() => {})
  await pause(clock, ignoredMs.wait)
}

/** Opens the session-based era, and tries no other. */
async function openSessionBased(
  needs: Pick<EraDetectionNeeds, 'connect' | 'clientDescriptionOf' | 'startTimeoutMs'>,
): Promise<Eras> {
  const connection = needs.connect('legacy')
  try {
    const serverDescription = await sendInitialize(
      connection,
      needs.clientDescriptionOf('legacy'),
      rawObject({}),
      ownInfo,
      needs.startTimeoutMs,
    )
    return { modern: undefined, legacy: { connection, serverDescription }, words: undefined }
  } catch (error) {
    const words = asRefusal(error) || !(error instanceof Error) ? undefined : error.message
    return { modern: undefined, legacy: undefined, words }
  }
}

interface Verdict {
  readonly era: EraName
  readonly serverDescription: RawObject
}

function verdictOf(era: EraName, serverDescription: RawObject): Verdict {
  return { era, serverDescription }
}

/** The first value that is not undefined, or undefined once all of them are. */
function firstDefined<Value>(
  promises: ReadonlyArray<Promise<Value | undefined> | undefined>,
): Promise<Value | undefined> {
  return new Promise((resolve) => {
    const all = promises.map(async (promise) => {
      const value = await promise
      if (value !== undefined) resolve(value)
    })
    void Promise.all(all).then(() => resolve(undefined))
  })
}
