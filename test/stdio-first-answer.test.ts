/**
 * `serve --transport stdio` answers the first question of its client as soon as the server has: before servers that do
 * not answer the handshake of the other era at all, and so could be waited for.
 */
import { expect, onTestFinished, test } from 'vitest'

import { fillSettings } from '../src/config/assemble.ts'
import { thisMachine } from '../src/config/load.ts'
import { composeGateway } from '../src/gateway/gateway.ts'
import { manualClock } from '../src/testing/index.ts'
import { eventually } from './support/eventually.ts'
import { echoModern } from './support/mcplex.ts'
import { type Piped, serveStdio, standalone } from './support/pipes.ts'
import { textOf } from './support/rpc.ts'

function open(...flags: string[]): Piped {
  const piped = serveStdio([echoModern, ...flags])
  onTestFinished(() => piped.end())
  return piped
}

const isReady = (piped: Piped): boolean => /"msg":"ready"/.test(piped.stderr())

test('server/discover is answered while it is not known yet whether the server takes initialize', async () => {
  const piped = open('--stuck-by-initialize')
  const first = await piped.request('server/discover', { _meta: standalone() })
  expect(first.result).toMatchObject({ supportedVersions: ['2026-07-28'], capabilities: { tools: {} } })
  expect(isReady(piped)).toBe(false)
  // The second time it is known at once, and what comes after the start is answered as before it.
  const second = await piped.request('server/discover', { _meta: standalone() })
  expect(isReady(piped)).toBe(false)
  expect(second.result).toEqual(first.result)
  await piped.initialize()
  await eventually('the start to be told', () => isReady(piped))
  const third = await piped.request('server/discover', { _meta: standalone() })
  expect(third.result).toEqual(first.result)
  expect(textOf(await piped.call('echo', { text: 'by a session' }))).toBe('by a session')
})

test('a malformed server/discover is refused, and an initialize that follows is answered', async () => {
  const piped = open('--ignore-initialize')
  const refused = await piped.request('server/discover', {
    _meta: standalone({ 'io.modelcontextprotocol/logLevel': 7 }),
  })
  expect(refused.error).toMatchObject({ code: -32602 })
  expect((await piped.initialize()).result).toMatchObject({ protocolVersion: '2025-11-25' })
  expect(textOf(await piped.call('echo', { text: 'after it' }))).toBe('after it')
})

/** Whether the start is through after so many seconds of the clock, and what the processes of the server do meanwhile. */
async function startsWithin(seconds: number, hasOneClient: boolean): Promise<boolean> {
  const clock = manualClock()
  const upstream = { command: process.execPath, args: [echoModern, '--ignore-initialize'] }
  const gateway = composeGateway({ settings: fillSettings({ upstream }, thisMachine()), clock, hasOneClient })
  onTestFinished(async () => {
    const goOn = setInterval(() => clock.advance(1000), 50)
    await gateway.close({ force: true })
    clearInterval(goOn)
  })
  let isThrough = false
  let started = 0
  gateway.events.on('workerStarted', () => started++)
  const start = gateway.start().then(() => (isThrough = true))
  start.catch(() => {})
  await eventually('a second process', () => started === 2)
  // What the processes answer takes time of the machine, not of the clock.
  for (let tenths = 0; tenths < seconds * 10 && !isThrough; tenths++) {
    clock.advance(100)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return isThrough
}

test('initialize is answered soon by a server that ignores it: it has answered what came after', async () => {
  expect(await startsWithin(4, true)).toBe(true)
})

test('where several clients are served the server gets longer, since it decides what they share', async () => {
  expect(await startsWithin(4, false)).toBe(false)
})
