/** A server that lists other tools to clients of other names: sixteen names have lists of their own at a time. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { startForTest } from '../support/in-process.ts'
import { eventually } from '../support/eventually.ts'
import { openSession, type Session } from '../support/session.ts'

const server = join(import.meta.dirname, '..', 'fixtures', 'own-lists.mjs')
const names = Array.from({ length: 16 }, (_, at) => `name-${at}`)

/** The tool in the list that is named after a client. */
async function namedTool(session: Session): Promise<string | undefined> {
  const { result } = await session.request('tools/list')
  const tools = (result?.['tools'] ?? []) as ReadonlyArray<{ readonly name: string }>
  return tools.map(({ name }) => name).find((name) => name.startsWith('for_'))
}

test('of more names the least recently used makes way, once it was unused for a minute', async () => {
  let skippedMs = 0
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + skippedMs }
  const { url } = await startForTest([server], { upstream: { pool: 60 } }, { clock })
  const listed = async (name: string): Promise<string | undefined> => {
    const session = await openSession(url, { client: name })
    const tool = await namedTool(session)
    await session.end()
    return tool
  }
  const [first = '', ...others] = names
  // One of the sixteen workers that answer for lists is that for clients of any name.
  for (const name of names.slice(0, 15))
    await eventually(`the list of ${name}`, async () => (await listed(name)) === `for_${name}`)
  await listed('name-15')
  expect(await listed('late')).toBe('for_mcplex')

  skippedMs += 61_000
  for (const name of others) await listed(name)
  await eventually('a list of its own', async () => (await listed('late')) === 'for_late')
  // Its place was taken, and all others were used within the minute.
  expect(await listed(first)).toBe('for_mcplex')
  skippedMs += 61_000
  await eventually('its own list again', async () => (await listed(first)) === `for_${first}`)
})
