/**
 * Waits for the input requests that servers send at their start. Many ask for roots and the like as soon as they get
 * `notifications/initialized`; a call sent at once would overtake the answers. So a ping is sent, and the worker is used
 * once the ping and all input requests that came before its answer are answered.
 */
import { type Clock, pause } from '../../base/clock.ts'
import type { Worker } from '../worker.ts'

/** The longest that calls wait for a server that does not answer or a slow client. */
const longestMs = 2000
/** Servers need time to apply the answers (they check files, above all), and no message says when they are done. */
const digestMs = 100

/** Waits until the input requests of the start are answered; 2 s at most. Never rejects. */
export async function waitUntilReady(worker: Worker, clock: Clock): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = clock.after(longestMs, resolve)
    void answered(worker, clock).then(() => {
      timer.stop()
      resolve()
    })
  })
}

async function answered(worker: Worker, clock: Clock): Promise<void> {
  const isAlive = await worker.request('ping', undefined, longestMs).then(
    () => true,
    () => false,
  )
  if (!isAlive || !worker.hasInputRequests) return
  await worker.inputRequestsAnswered()
  await pause(clock, digestMs)
}
