/**
 * Waits for the input requests that servers send at their start. Many ask for roots and the like as soon as they get
 * `notifications/initialized`; a call sent at once would overtake the answers. So a ping is sent, and the worker is used
 * once the ping and all input requests that came before its answer are answered.
 */
import { type Clock, pause } from '../../base/clock.ts'
import type { UpstreamConnection } from './connection.ts'

/** The longest that calls wait for a server that does not answer or a slow client. */
const longestMs = 2000
/** Servers need time to apply the answers (they check files, above all), and no message says when they are done. */
const digestMs = 100

/** Waits until the input requests of the start are answered; 2 s at most. Never rejects. */
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
  if (!isAlive || !connection.hasInputRequests) return
  await connection.inputRequestsAnswered()
  await pause(clock, digestMs)
}
