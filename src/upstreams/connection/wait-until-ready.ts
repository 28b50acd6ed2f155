/**
 * The first moments of a process whose client can be asked. Servers ask for roots and the like as soon as they hear
 * `notifications/initialized`; a call that is sent at once would overtake the answers. So a ping is sent, and the
 * process is lent when the ping and all that came before its answer are answered.
 */
import { type Clock, pause } from '../../base/clock.ts'
import type { UpstreamConnection } from './connection.ts'

/** A server that does not answer, or a client that takes its time, keeps calls waiting no longer. */
const longestMs = 2000
/** Servers look at what they were answered, at files above all, before they go by it; no message says when. */
const digestMs = 100

/** Waits until the process has asked what it asks at its start, and has its answers; 2 s at most. Never rejects. */
export async function waitUntilReady(connection: UpstreamConnection, clock: Clock): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = clock.after(longestMs, resolve)
    void answered(connection, clock).then(() => {
      timer.stop()
      resolve()
    })
  })
}

async function answered(connection: UpstreamConnection, clock: Clock): Promise<void> {
  const isAlive = await connection.request('ping', undefined, longestMs).then(
    () => true,
    () => false,
  )
  if (!isAlive || !connection.hasAsked) return
  await connection.questionsAnswered()
  await pause(clock, digestMs)
}
