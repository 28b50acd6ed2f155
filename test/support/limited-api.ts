/** A real API that allows so many calls within any window of time, and answers 429 with `Retry-After` to those beyond. */
import { createServer } from 'node:http'
import { onTestFinished } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'

export interface LimitedApi {
  readonly url: string
  /** How many calls it has answered, by path and query. */
  readonly answered: ReadonlyMap<string, number>
  /** How many calls it has refused. */
  readonly refused: number
}

/** Such an API for the test that runs. */
export async function startLimitedApi(calls: number, perMs: number): Promise<LimitedApi> {
  const answered = new Map<string, number>()
  const counted: number[] = []
  let refused = 0
  const server = createServer((request, response) => {
    const nowMs = systemClock.now()
    while ((counted[0] ?? Infinity) <= nowMs - perMs) counted.shift()
    if (counted.length >= calls) {
      refused++
      response.writeHead(429, { 'Retry-After': String(Math.ceil(perMs / 1000)) }).end('too many calls')
      return
    }
    counted.push(nowMs)
    const url = request.url ?? ''
    answered.set(url, (answered.get(url) ?? 0) + 1)
    response.end(`answer to ${url}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  return {
    url: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    answered,
    get refused() {
      return refused
    },
  }
}
