/** Clients that vanish in the middle of a wait for what sessions share, or while they have it: the next gets the place. */
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { SSEClientTransport } from '@modelcontextprotocol/sdk/client/sse.js'
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { startModule } from '../support/in-process.ts'
import { textOf } from '../support/rpc.ts'
import { callTool, toolResponse } from '../support/stateless.ts'

const module = join(import.meta.dirname, '..', 'fixtures', 'modules', 'one-place.mjs')

/** Figures of the health report for each resource: who has it, and who waits. */
const figures = {
  pool: { held: 'pooledInUse', waiting: 'waitingForPools' },
  limited: { held: 'limitedCalls', waiting: 'waitingLimitedCalls' },
} as const

type Resource = keyof typeof figures

/** Makes a call of a client that can vanish; resolves with how to make it vanish. */
const vanishing: Readonly<
  Record<string, (url: string, tool: string, resource: Resource) => Promise<() => Promise<void>>>
> = {
  'without a session': async (url, tool, resource) => {
    const cut = new AbortController()
    const call = callTool(url, tool, { resource }, { signal: cut.signal }).catch(() => undefined)
    return async () => {
      cut.abort()
      await call
    }
  },
  'of HTTP+SSE': async (url, tool, resource) => {
    const client = new Client({ name: 'vanishing', version: '1' })
    await client.connect(new SSEClientTransport(new URL('/sse', url)))
    const call = client.callTool({ name: tool, arguments: { resource } }).catch(() => undefined)
    return async () => {
      await client.close()
      await call
    }
  },
}

test.each(
  Object.keys(vanishing).flatMap((kind) => (['pool', 'limited'] as const).map((resource) => [kind, resource] as const)),
)('a client %s that vanishes frees its place in a %s', async (kind, resource) => {
  const { url, counts } = await startModule({ module, stateless: 'principal' })
  const { held, waiting } = figures[resource]
  const call = vanishing[kind]
  if (!call) throw new Error(`no client ${kind}`)
  const is = (name: string, count: number): Promise<unknown> =>
    eventually(`${name} to be ${count}`, async () => (await counts())[name] === count)

  const holder = toolResponse(url, 'hold', { resource })
  await is(held, 1)
  const vanish = await call(url, 'next', resource)
  await is(waiting, 1)
  const next = toolResponse(url, 'next', { resource })
  await is(waiting, 2)
  await vanish()
  await is(waiting, 1)
  await toolResponse(url, 'release')
  expect([textOf(await holder), textOf(await next)]).toEqual(['released', 'next'])

  // While it has the place.
  const vanishWithIt = await call(url, 'hold', resource)
  await is(held, 1)
  const last = toolResponse(url, 'next', { resource })
  await is(waiting, 1)
  await vanishWithIt()
  expect(textOf(await last)).toBe('next')
  await is(held, 0)
})
