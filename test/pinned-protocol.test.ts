/** `protocol` names the era or the revision that a server is spoken to in, and nothing else is tried. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { startForTest } from './support/in-process.ts'
import { reasonOf, responseTo } from './support/rpc.ts'
import { openSession } from './support/session.ts'
import { ask } from './support/stateless.ts'

const server = join(import.meta.dirname, 'fixtures', 'one-handshake.mjs')

async function toolsOf(url: string): Promise<unknown> {
  const { result } = await (await openSession(url, { version: '2025-11-25' })).request('tools/list')
  const tools = (result?.['tools'] ?? []) as ReadonlyArray<{ readonly name: string }>
  return tools.map(({ name }) => name)
}

test.each([
  ['legacy', 'initialize', 'offered_2025-11-25'],
  ['2025-11-25', 'initialize', 'offered_2025-11-25'],
  ['2025-06-18', 'initialize', 'offered_2025-06-18'],
  ['2024-11-05', 'initialize', 'offered_2024-11-05'],
  ['modern', 'server/discover', 'offered_2026-07-28'],
  ['2026-07-28', 'server/discover', 'offered_2026-07-28'],
] as const)('%s: the server gets %s first, and is offered %s', async (protocol, first, tool) => {
  const { url } = await startForTest([server, first], { upstream: { protocol, spares: 0 } })
  expect(await toolsOf(url)).toEqual([tool])
})

test('a server of both eras that is pinned to sessions is not offered to clients without one', async () => {
  const { url } = await startForTest([server, 'initialize', '--both'], { upstream: { protocol: 'legacy', spares: 0 } })
  expect(reasonOf(await responseTo(await ask(url, 'server/discover', {}, { id: 1 }), 1))).toBe('discover_refused')
})

test('a server of both eras that is pinned to the stateless revision serves clients without a session', async () => {
  const { url } = await startForTest([server, 'initialize', '--both'], { upstream: { protocol: 'modern', spares: 0 } })
  const { result } = await responseTo(await ask(url, 'server/discover', {}, { id: 1 }), 1)
  expect(result).toMatchObject({ supportedVersions: ['2026-07-28'] })
})

test.each([
  ['modern', 'initialize'],
  ['2025-06-18', 'server/discover'],
] as const)('a server that does not speak %s does not start', async (protocol, first) => {
  const start = startForTest([server, first], { upstream: { protocol, spares: 0 } })
  await expect(start).rejects.toMatchObject({ name: 'CommandStartError' })
})
