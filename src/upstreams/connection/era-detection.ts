/**
 * Finds out which eras a stdio server speaks, with as few processes as its manners allow.
 *
 * The stateless question comes first: a server that answers it is asked for the older handshake in a second process,
 * since the first word may decide the era of a process. A server that refuses the question or is silent is offered
 * the older handshake in the same process, and once more in a fresh one if it took offence. Waiting in a row, not
 * side by side: two first runs of `npx` at once disturb each other.
 * [2026-07-28 versioning: any error or silence means a session-based server; no single code does]
 */
import { type Clock, pause } from '../../base/clock.ts'
import { asRefusal } from '../../base/refusal.ts'
import { type RawObject, rawObject } from '../../protocol/json-text.ts'
import type { EraName, ClientDescription } from '../../protocol/call.ts'
import type { UpstreamConnection } from './connection.ts'
import { ownInfo } from './connector.ts'
import { discover, sendInitialize } from './handshake.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'

export interface Found {
  readonly connection: UpstreamConnection
  readonly serverDescription: RawObject
}

export interface Eras {
  readonly modern: Found | undefined
  readonly legacy: Found | undefined
  /** Whether the second process could be started only when the first had ended; that of the stateless era is closed then. */
  readonly isOnlyOne?: boolean
  /** What it answered to `initialize` that is no hello, in words for the operator. */
  readonly words: string | undefined
}

export interface EraDetectionNeeds {
  /** Starts a process and connects to it without a word. */
  readonly connect: (era: EraName) => UpstreamConnection
  /** Whether there is room for another process. */
  readonly hasRoom: () => boolean
  readonly clock: Clock
  readonly startTimeoutMs: number
  readonly clientDescriptionOf: (era: EraName) => ClientDescription
  /** Told at once what a server says of itself in the stateless era. */
  readonly discovered: (serverDescription: RawObject) => void
  /** Whether a server that ignores `initialize` is given up for that era early: a wrong guess costs only its one client. */
  readonly isHasty: boolean
}

/** How long silence lasts before the older handshake is offered to the same process. */
const silenceMs = 3000
/** How long a stateless server may take to accept or refuse the older handshake in a second process. */
const secondMs = 5000
/** Then it is asked the stateless question as well; and so long after its answer to that, it has ignored the handshake. */
const ignoredMs = { ask: 500, wait: 1000 }

/** Both undefined: the server could not be spoken with. Where there is room for one process, that of the first is closed. */
export async function detectEras(needs: EraDetectionNeeds): Promise<Eras> {
  const nothing = rawObject({})
  const endMs = needs.clock.now() + needs.startTimeoutMs
  // One time-out for all attempts on a process that stays: silence to the first is not waited for again.
  const leftMs = (): number => Math.max(0, endMs - needs.clock.now())
  let words: string | undefined
  const noHello = (error: unknown): undefined => {
    // A refusal is our own: it says that time was up, or that the process has ended.
    if (!asRefusal(error)) words = error instanceof Error ? error.message : String(error)
    else if (asRefusal(error)?.code === 'upstream_timeout') words = undefined
  }
  const greet = (connection: UpstreamConnection, timeoutMs: number): Promise<RawObject | undefined> =>
    sendInitialize(connection, needs.clientDescriptionOf('legacy'), nothing, ownInfo, timeoutMs).catch(noHello)
  const greetSecond = (second: UpstreamConnection): Promise<RawObject | undefined> => {
    const greeted = greet(second, secondMs)
    return needs.isHasty ? Promise.race([greeted, ignored(second, needs)]) : greeted
  }
  const first = needs.connect('modern')
  const asked = discover(first, needs.clientDescriptionOf('modern'), nothing, needs.startTimeoutMs).catch(
    () => undefined,
  )
  const early = await Promise.race([
    asked.then((serverDescription) => serverDescription ?? 'no'),
    pause(needs.clock, silenceMs).then(() => 'silent' as const),
  ])

  if (typeof early === 'object') {
    needs.discovered(early)
    if (!needs.hasRoom()) await first.close()
    const second = needs.connect('legacy')
    const legacy = await greetSecond(second)
    const modern = { connection: first, serverDescription: early }
    if (legacy) return { modern, legacy: { connection: second, serverDescription: legacy }, words }
    const hasLeft = second.closed
    await second.close()
    // One that ends by itself may have minded the word, or that another process runs.
    if (!hasLeft || first.closed) return { modern, legacy: undefined, words }
    await first.close()
    const alone = needs.connect('legacy')
    const serverDescription = await greetSecond(alone)
    if (serverDescription) return { modern, legacy: { connection: alone, serverDescription }, isOnlyOne: true, words }
    await alone.close()
    const again = needs.connect('modern')
    const found = await discover(again, needs.clientDescriptionOf('modern'), nothing, needs.startTimeoutMs).catch(
      () => undefined,
    )
    if (!found) await again.close()
    return { modern: found ? { connection: again, serverDescription: found } : modern, legacy: undefined, words }
  }

  // A slow start looks like silence: whichever question is answered well first decides.
  const late =
    early === 'silent' ? asked.then((description) => description && verdictOf('modern', description)) : undefined
  const greeted = first.closed
    ? undefined
    : greet(first, leftMs()).then((description) => description && verdictOf('legacy', description))
  const verdict = await firstDefined([late, greeted])
  if (verdict?.era === 'modern')
    return { modern: { connection: first, serverDescription: verdict.serverDescription }, legacy: undefined, words }
  if (verdict) {
    first.codec = legacyUpstreamCodec
    return { modern: undefined, legacy: { connection: first, serverDescription: verdict.serverDescription }, words }
  }

  // One that ended by itself may have started slowly, and the next one needs as long again.
  const hasLeft = first.closed
  const ended = first.close()
  if (!hasLeft && leftMs() === 0) return { modern: undefined, legacy: undefined, words }
  if (!needs.hasRoom()) await ended
  const fresh = needs.connect('legacy')
  const legacy = await greet(fresh, hasLeft ? needs.startTimeoutMs : leftMs())
  if (!legacy) await fresh.close()
  return { modern: undefined, legacy: legacy && { connection: fresh, serverDescription: legacy }, words }
}

/**
 * Resolves when a process has answered what came after `initialize`, and not that. Stays pending otherwise: silence has
 * a deadline of its own.
 */
async function ignored(
  second: UpstreamConnection,
  { clock, clientDescriptionOf }: EraDetectionNeeds,
): Promise<undefined> {
  await pause(clock, ignoredMs.ask)
  const isAnswered = await discover(second, clientDescriptionOf('modern'), rawObject({}), secondMs).then(
    () => true,
    // A refusal is our own: nothing has come.
    (error: unknown) => asRefusal(error) === undefined,
  )
  if (!isAnswered) return new Promise(() => {})
  await pause(clock, ignoredMs.wait)
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
