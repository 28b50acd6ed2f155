/** The verbs of operators, in every state of what they are about. */
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runs } from '../children/processes.ts'
import { answers } from '../../src/admin/schemas.ts'
import { eventually } from '../support/eventually.ts'
import { askAt, type RuntimeFolder, runtimeFolder } from '../support/door.ts'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { startPiped } from '../support/pipes.ts'
import { openSession, type Session } from '../support/session.ts'

let place: RuntimeFolder
let mcplex: Mcplex
let session: Session

beforeAll(async () => {
  place = runtimeFolder()
  mcplex = await startMcplex({ env: place.env })
  session = await openSession(mcplex.url, { client: 'verb-tester' })
  await session.text('echo', { text: 'hello' })
})

afterAll(async () => {
  await mcplex?.end()
  place.remove()
})

type Rows = ReadonlyArray<Readonly<Record<string, unknown>>>

async function labels(...args: readonly string[]): Promise<string[]> {
  const { sessions } = await place.json('sessions', ...args)
  return (sessions as Rows).map(({ label }) => String(label))
}

describe('ps', () => {
  test('lists each instance with its load, and no token', async () => {
    const { instances } = await place.json('ps')
    expect(instances).toMatchObject([
      {
        pid: mcplex.pid,
        server: 'echo-legacy',
        status: 'ok',
        answers: true,
        counts: { sessions: 1 },
        endpoint: mcplex.url,
      },
    ])
    expect(JSON.stringify(instances)).not.toContain('token')
    const { code, stdout } = await place.run('ps')
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^PID +SERVER .*\n\d+ +echo-legacy +ok /) as string])
  })

  test('says so if none runs', async () => {
    const empty = runtimeFolder()
    expect(await empty.run('ps')).toEqual({ code: 0, stdout: '', stderr: 'no mcplex of this user runs\n' })
    expect(await empty.json('ps')).toEqual({ event: 'instances', instances: [] })
    empty.remove()
  })
})

describe('sessions', () => {
  test('lists them, and shows one with its calls', async () => {
    const [label = ''] = await labels('--client', 'VERB')
    expect(await labels('--client', 'another')).toEqual([])
    const shown = await place.json('sessions', 'show', label.slice(0, 6))
    expect(shown).toMatchObject({
      label,
      client: 'verb-tester',
      era: 'session-based',
      callsTotal: 1,
      history: [{ method: 'tools/call', tool: 'echo', outcome: 'ok' }],
    })
    const { stdout } = await place.run('sessions', 'show', label)
    expect(stdout).toMatch(
      /^SESSION +CLIENT .*\n[0-9a-f]{8} +verb-tester .*\n\ntenant [^]*\nBEGAN .*\n.* tools\/call +echo /,
    )
    expect(mcplex.log.find(({ msg }) => msg === 'session begins')).toMatchObject({ session: label })
  })

  test('a tenant that has none is empty; without tenants there is no column of them', async () => {
    expect(await place.json('sessions', '--tenant', 'nobody')).toMatchObject({ total: 0 })
    expect((await place.run('sessions')).stdout).toMatch(/^SESSION +CLIENT /)
    expect((await place.run('sessions', '--tenant', 'default')).stdout).toMatch(/^SESSION +TENANT +CLIENT /)
  })

  test('close ends one that lives, once; --closed tells why, and its last error', async () => {
    const own = await openSession(mcplex.url, { client: 'to-be-closed' })
    const failed = await own.request('tools/call', { name: 'no such tool' })
    expect(failed.error).toBeDefined()
    const [label = ''] = await labels('--client', 'to-be-closed')
    const answer = await place.run('sessions', 'close', label)
    expect(answer).toEqual({ code: 0, stdout: '', stderr: `session ${label} is closed\n` })
    expect((await own.post({ id: 7, method: 'tools/list' })).status).toBe(404)
    const again = await place.run('sessions', 'close', label)
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('session_unknown') as string])
    const { total, sessions } = await place.json('sessions', '--closed', '--reason', 'operator')
    expect([total, sessions]).toMatchObject([
      1,
      [
        {
          label,
          client: 'to-be-closed',
          reason: 'operator',
          calls: 1,
          lastError: { method: 'tools/call', status: 'error' },
        },
      ],
    ])
    expect(await place.json('sessions', '--closed', '--reason', 'idle')).toMatchObject({ total: 0 })
    expect((await place.run('sessions', '--closed')).stdout).toContain('operator')
  })

  test('show has whose it is, the tools that it was shown, and what runs', async () => {
    const own = await openSession(mcplex.url, { client: 'with-tools' })
    const [label = ''] = await labels('--client', 'with-tools')
    const before = await place.run('sessions', 'show', label)
    expect(before.stdout).toMatch(/\ntenant +default\nsubject +\S+\nclient +with-tools.*\ntools +not listed yet\n/)
    const { result } = await own.request('tools/list')
    const count = Array.isArray(result?.['tools']) ? result['tools'].length : 0
    const running = own
      .request('tools/call', { name: 'slow', arguments: { ms: 30_000, steps: 1 } })
      .catch(() => undefined)
    await eventually('the call runs', async () => {
      const shown = await place.json('sessions', 'show', label)
      return (shown['running'] as Rows).some(({ waiting }) => waiting === false)
    })
    const shown = await place.json('sessions', 'show', label)
    expect(shown).toMatchObject({
      tenant: 'default',
      tools: { count, hash: expect.stringMatching(/^[\w-]{12}$/) as string },
      running: [{ method: 'tools/call', tool: 'slow', requestId: expect.any(String) as string }],
    })
    const { names } = shown['tools'] as { names: string[] }
    expect(names).toContain('echo')
    const { body } = await askAt(place.placesOf(mcplex.pid).socket, `/api/v1/sessions/${label}`)
    expect(answers.session.parse(body)).toEqual(body)
    const { stdout } = await place.run('sessions', 'show', label)
    expect(stdout).toMatch(/\nAGE .*\n.* tools\/call +slow +server +running +\S+\n/)
    await place.run('sessions', 'close', label)
    await running
  })
})

test('errors counts what went wrong, by reason, client, tool and server', async () => {
  const { error } = await session.request('tools/call', { name: 'fail' })
  expect(error ?? 'a tool error').toBeDefined()
  await session.request('no/such/method')
  const { errors } = await place.json('errors')
  const mine = (errors as Rows).filter(({ client }) => client === 'verb-tester')
  expect(mine.length).toBeGreaterThan(0)
  for (const one of mine)
    expect(one).toMatchObject({ count: expect.any(Number) as number, reason: expect.any(String) as string })
  expect((await place.run('errors')).stdout).toMatch(/^COUNT +REASON /)
})

test('a verb says so if there is no such instance, or it does not answer', async () => {
  const { code, stderr } = await place.run('errors', '--pid', '1')
  expect([code, stderr]).toEqual([1, expect.stringContaining('instance_missing') as string])
  const silent = await place.run('errors', '--admin', 'http://127.0.0.1:1')
  expect([silent.code, silent.stderr]).toEqual([1, expect.stringContaining('instance_silent') as string])
})

describe('drain', () => {
  test('tells what it waits for, and ends when the last call has; the door is open until then', async () => {
    const own = await startMcplex({ env: place.env })
    const { socket } = place.placesOf(own.pid)
    const caller = await openSession(own.url, { client: 'slow-caller' })
    await caller.text('echo', { text: 'a worker of its own' })
    const hangs = await caller.call('hang', {}, { id: 'hangs' })
    const drained = startPiped(['drain', '--pid', String(own.pid)], place.env)
    await eventually('what is waited for', () =>
      /waits for 1 call, (?:\d+s|1m) at most:\n  hang at server, of slow-caller, since /.test(drained.stderr()),
    )
    const { body } = await askAt(socket, '/api/v1/drain')
    expect(body).toMatchObject({
      draining: true,
      callsInFlight: 1,
      waitingFor: [{ method: 'tools/call', tool: 'hang', upstream: 'server', client: 'slow-caller' }],
    })
    // Asked again, it is no second signal: the call still has its time.
    expect((await place.run('drain', '--no-wait', '--pid', String(own.pid))).code).toBe(0)
    // Nor is the signal of a service manager, which comes after the hook that has asked for the drain.
    own.signal('SIGTERM')
    expect((await askAt(socket, '/api/v1/drain')).body).toMatchObject({ callsInFlight: 1 })
    expect(hangs.isOver).toBe(false)
    await caller.notify('notifications/cancelled', { requestId: 'hangs' })
    expect(await drained.exited).toBe(0)
    expect(drained.stderr()).toContain('has ended')
    expect(await own.exited).toEqual({ code: 0, signal: null })
  })

  test('says how long it has drained and what time is left, also after a signal', async () => {
    const own = await startMcplex({ env: place.env })
    const { socket } = place.placesOf(own.pid)
    const caller = await openSession(own.url)
    await caller.call('hang', {}, { id: 'hangs' })
    own.signal('SIGTERM')
    await eventually('it drains', async () =>
      (await (await fetch(new URL('/health', own.url))).text()).includes('draining'),
    )
    await new Promise((resolve) => setTimeout(resolve, 1200))
    const { body } = await askAt(socket, '/api/v1/drain')
    const { sinceMs, leftMs } = body as { readonly sinceMs: number; readonly leftMs: number }
    expect([sinceMs >= 1000, sinceMs + leftMs]).toEqual([true, 30_000])
    await caller.notify('notifications/cancelled', { requestId: 'hangs' })
    expect(await own.exited).toEqual({ code: 0, signal: null })
  })

  test('ends at once, with what runs, by the second signal after it: the first is of the service manager', async () => {
    const own = await startMcplex({ env: place.env })
    const { socket } = place.placesOf(own.pid)
    const caller = await openSession(own.url)
    await caller.call('hang', {}, { id: 'hangs' })
    expect((await place.run('drain', '--no-wait', '--pid', String(own.pid))).code).toBe(0)
    own.signal('SIGTERM')
    expect((await askAt(socket, '/api/v1/drain')).body).toMatchObject({ draining: true, callsInFlight: 1 })
    const servers = own.servers()
    // One that follows within a quarter of a second counts as the same signal.
    await eventually('its end', () => {
      if (runs(own.pid)) own.signal('SIGTERM')
      return !runs(own.pid)
    })
    expect(await own.exited).toEqual({ code: 143, signal: null })
    await eventually('its processes to end', () => servers.every((pid) => !runs(pid)))
    expect(existsSync(socket)).toBe(false)
  })
})
