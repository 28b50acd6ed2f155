/** The connections to a real database, shared by the sessions of a module through `pool` of `mcplex/tools`. */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type InProcess, startModule } from '../support/in-process.ts'
import { type Postgres, startPostgres } from '../support/postgres.ts'
import { openSession, type Session } from '../support/session.ts'

const module = join(import.meta.dirname, '../../examples/shared-database.mjs')

/** A database with the table of the example, which the modules that the test loads find. */
async function setDatabase(): Promise<Postgres> {
  const database = await startPostgres(5)
  await database.ask('create table accounts (name text primary key, amount integer not null)')
  await database.ask('grant all on accounts to app')
  const { folder } = database
  Object.assign(process.env, { PGHOST: folder, PGUSER: 'app', PGDATABASE: 'postgres' })
  onTestFinished(() => {
    for (const name of ['PGHOST', 'PGUSER', 'PGDATABASE']) delete process.env[name]
  })
  return database
}

/** The process ids of the connections that the module has. */
async function connections({ ask }: Postgres): Promise<unknown[]> {
  return (await ask(`select pid from pg_stat_activity where usename = 'app'`)).map(({ pid }) => pid)
}

const add = (session: Session, account: string): Promise<string> => session.text('add', { account, amount: 1 })

test.each([
  ['in the same thread', false],
  ['in a thread of its own', true],
])(
  'two hundred sessions share a database of 5 connections (module %s): nothing is lost, none is told that there are too many',
  async (_where, isolate) => {
    const database = await setDatabase()
    const { url, counts, gateway } = await startModule({ module, isolate })
    const sessions = await Promise.all(Array.from({ length: 200 }, () => openSession(url)))
    const sums = sessions.map(async (session, at) => [await add(session, 'common'), await add(session, `own${at}`)])
    const seen: unknown[][] = []
    let isOver = false
    const watching = eventually('all to be done', async () => {
      seen.push(await connections(database))
      return isOver
    })
    const results = await Promise.all(sums)
    isOver = true
    await watching
    expect(results.flat().filter((text) => !/^\d+$/.test(text))).toEqual([])
    expect(new Set(results.map(([sum]) => Number(sum)))).toEqual(
      new Set(Array.from({ length: 200 }, (_, at) => at + 1)),
    )
    expect(results.every(([, own]) => own === '1')).toBe(true)
    expect(await database.ask(`select sum(amount)::int as sum from accounts`)).toEqual([{ sum: 400 }])
    expect(Math.max(...seen.map((pids) => pids.length))).toBeLessThanOrEqual(5)
    await eventually(
      'the figures',
      async () => ((await counts())['pooled'] ?? 0) > 0 && (await counts())['pooledInUse'] === 0,
    )
    expect(await counts()).toMatchObject({ waitingForPools: 0, oldestPoolWaitMs: 0 })
    await gateway.close()
    await eventually('the connections to end', async () => (await connections(database)).length === 0)
  },
)

async function start(): Promise<InProcess & { readonly database: Postgres; readonly session: Session }> {
  const database = await setDatabase()
  const started = await startModule({ module })
  return { ...started, database, session: await openSession(started.url) }
}

test('connections that the database has ended are replaced before they are lent again', async () => {
  const { database, session } = await start()
  expect(await add(session, 'a')).toBe('1')
  const before = await connections(database)
  await database.ask(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'`)
  await eventually('it to end', async () => (await connections(database)).length === 0)
  await eventually('a call to be well', async () => /^\d+$/.test(await add(session, 'a')))
  expect(before).not.toEqual(await connections(database))
})

test('a module that is replaced ends its connections once its calls are over, and the new one makes its own', async () => {
  const { database, session, gateway } = await start()
  expect(await add(session, 'a')).toBe('1')
  const before = await connections(database)
  expect(before).toHaveLength(1)
  await gateway.replaceUpstreams(['mine'])
  expect(await add(session, 'a')).toBe('2')
  await eventually('the old one to end', async () => {
    const now = await connections(database)
    return now.length === 1 && now[0] !== before[0]
  })
})

test('a database that is away is an error of the call, and calls are well once it is back', async () => {
  process.env['PGHOST'] = '/nowhere'
  onTestFinished(() => void delete process.env['PGHOST'])
  const { url } = await startModule({ module })
  const session = await openSession(url)
  const { result } = await session.response('add', { account: 'a', amount: 1 })
  expect(result).toMatchObject({ isError: true })
  expect(JSON.stringify(result)).toContain('ENOENT')
  await setDatabase()
  expect(await add(session, 'a')).toBe('1')
})
