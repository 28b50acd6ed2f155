/** A PostgreSQL server of Debian's package, for the test that runs: in a folder of its own, at a Unix socket there. */
import { spawn, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { onTestFinished } from 'vitest'
import { eventually } from './eventually.ts'

const packages = '/usr/lib/postgresql'

/** The port is but a part of the name of the socket. */
const port = 5432

export interface Postgres {
  /** Where its socket is; the host for a client. */
  readonly folder: string
  /** Asks as the superuser, who has a connection of his own. */
  ask(query: string): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>>
}

/** @param connections how many it allows to others than the superuser; the role `app` and the database `postgres` are there */
export async function startPostgres(connections: number): Promise<Postgres> {
  const programs = existsSync(packages) ? readdirSync(packages).map((name) => join(packages, name, 'bin')) : []
  const found = programs.findLast((folder) => existsSync(join(folder, 'initdb')))
  if (found === undefined) throw new Error('the test needs PostgreSQL: apt-get install postgresql')
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-pg-'))
  // It does not run as root.
  const user = process.getuid?.() === 0 ? userNamed('postgres') : undefined
  if (user) chownSync(folder, user.uid, user.gid)
  const data = join(folder, 'data')
  const how = { ...user, cwd: folder, env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' } }
  const made = spawnSync(
    join(found, 'initdb'),
    ['-D', data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--no-sync'],
    {
      ...how,
      encoding: 'utf8',
    },
  )
  if (made.status !== 0) throw new Error(`initdb has failed: ${made.error?.message ?? made.stderr}`)
  const options = {
    listen_addresses: '',
    unix_socket_directories: folder,
    port: String(port),
    max_connections: String(connections + 2),
    superuser_reserved_connections: '1',
    max_wal_senders: '0',
    fsync: 'off',
    shared_buffers: '16MB',
  }
  const flags = Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const server = spawn(join(found, 'postgres'), ['-D', data, ...flags], { ...how, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  server.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const ended = new Promise((resolve) => server.once('close', resolve))
  onTestFinished(async () => {
    server.kill('SIGQUIT')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  const superuser = await eventually(`PostgreSQL to be ready: ${said}`, async () => {
    const client = new pg.Client({ host: folder, port, user: 'postgres', database: 'postgres' })
    client.on('error', () => {})
    return client.connect().then(
      () => client,
      () => undefined,
    )
  })
  onTestFinished(() => superuser.end())
  await superuser.query('create role app login')
  return { folder, ask: async (query) => (await superuser.query(query)).rows }
}

function userNamed(name: string): { readonly uid: number; readonly gid: number } {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return { uid: Number(uid), gid: Number(gid) }
}
