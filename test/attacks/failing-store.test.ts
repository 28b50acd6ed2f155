/** A store that fails during a call, or is slow: the request ends, and nothing is done twice. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createMemoryBackplane } from '../../src/backplane/memory.ts'
import { systemClock } from '../../src/base/clock.ts'
import { type Backplane, Refusal } from '../../src/index.ts'
import { eventually } from '../support/eventually.ts'
import { startForTest } from '../support/in-process.ts'
import { openSession } from '../support/session.ts'

const hostile = join(import.meta.dirname, 'hostile-server.mjs')

/** A store whose journals take so many appends and no more. */
function failingAfter(appends: number): Backplane {
  const memory = createMemoryBackplane({ clock: systemClock })
  let left = appends
  return {
    ...memory,
    journals: {
      ...memory.journals,
      append: (...what) =>
        left-- > 0 ? memory.journals.append(...what) : Promise.reject(new Refusal('store_unavailable')),
    },
  }
}

/** A store that another machine holds: each append takes a turn of the event loop. */
function distant(): Backplane {
  const memory = createMemoryBackplane({ clock: systemClock })
  return {
    ...memory,
    journals: {
      ...memory.journals,
      async append(...what) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        return memory.journals.append(...what)
      },
    },
  }
}

/** The same for its records; tells how often they were read. */
function distantRecords(): { readonly backplane: Backplane; readonly reads: () => number } {
  const memory = createMemoryBackplane({ clock: systemClock })
  const away = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 200))
  const { records } = memory
  let reads = 0
  const backplane: Backplane = {
    ...memory,
    records: {
      ...records,
      async read(...what) {
        reads++
        const found = await records.read(...what)
        await away()
        return found
      },
      async remove(...what) {
        await away()
        return records.remove(...what)
      },
    },
  }
  return { backplane, reads: () => reads }
}

test('a session that ends while requests for it are on their way does not come back', async () => {
  const { backplane, reads } = distantRecords()
  const one = await startForTest([hostile], {}, { backplane })
  const session = await openSession(one.url)
  await session.text('pid')
  const { workers } = await one.counts()
  const readsBefore = reads()
  const ending = session.end()
  await eventually('the store is asked for it', () => reads() > readsBefore)
  const before = session.call('say', { text: 'a' })
  await eventually('it has ended here', async () => (await one.counts())['sessions'] === 0)
  const after = await Promise.all([1, 2, 3].map(() => session.call('say', { text: 'b' })))
  expect((await ending).status).toBe(200)
  expect([(await before).status, ...after.map(({ status }) => status)]).toEqual([404, 404, 404, 404])
  expect((await one.counts())['sessions']).toBe(0)
  await eventually('its process is gone', async () => Number((await one.counts())['workers']) < Number(workers))
})

test('streams that a session asks for at once are opened, and stay open', async () => {
  const one = await startForTest([hostile], {}, { backplane: distant() })
  const session = await openSession(one.url)
  const asked = await Promise.all([session.listen(), session.listen(), session.listen()])
  expect(asked.map(({ status }) => status)).toEqual([200, 200, 200])
  await session.listen()
  expect((await one.counts())['streams']).toBe(4)
})

test.each([0, 1, 2, 5])('a store that fails after %i events leaves no call behind', async (appends) => {
  const one = await startForTest([hostile], {}, { backplane: failingAfter(appends) })
  const session = await openSession(one.url)
  const args = { secret: 's', ms: 1_000, count: 100, bytes: 10 }
  const muttering = await session.call('mutter', args)
  expect(muttering.status).toBe(appends === 0 ? 503 : 200)
  await muttering.over
  const flooding = await session.call('flood', args, { progressToken: 1 })
  await flooding.over
  await eventually('no call', async () => (await one.counts())['calls'] === 0)
  const other = await openSession(one.url)
  expect(await other.text('pid'), 'calls that need no store still work').toMatch(/^\d+$/)
  expect((await session.end()).status).toBe(200)
})
