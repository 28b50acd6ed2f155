/**
 * A hundred clients of both eras at once, with equal ids and equal progress tokens, some calls
 * cancelled at random. No client is sent anything of another one, and each gets its own answers.
 */
import { afterEach, describe, expect, test } from 'vitest'
import { echoLegacy, echoModern, type Mcplex, startMcplex } from '../support/mcplex.ts'
import { fixture } from '../support/typed-command.ts'
import { type Member, echoScript, everythingScript, foreign, gather, type Script, wander } from './many-clients.ts'

const seed = 20_260_728
const size = 100
const minutes = 60_000

let mcplex: Mcplex | undefined
let members: Member[] = []
afterEach(async () => {
  await Promise.all(members.splice(0).map(({ caller }) => caller.close().catch(() => undefined)))
  await mcplex?.end()
  mcplex = undefined
})

async function start(server: readonly string[], options: readonly string[]): Promise<void> {
  mcplex = await startMcplex({
    server,
    options: ['--log-level', 'warn', '--stateless', 'principal', '--queue', '1000', '--queue-wait', '60s', ...options],
  })
  members = await gather(mcplex.url, size)
}

async function wanderAll(script: Script, rounds: number): Promise<void> {
  const faults = await Promise.all(members.map((member) => wander(member, script, rounds, seed)))
  expect(faults.flat()).toEqual([])
  expect(members.flatMap(foreign)).toEqual([])
  expect(
    members.reduce((sum, { cancelled }) => sum + cancelled, 0),
    'some calls were cancelled',
  ).toBeGreaterThan(size / 10)
  expect(mcplex?.log.filter(({ msg }) => msg === 'internal fault')).toEqual([])
}

const whoami = async ({ caller }: Member): Promise<string> =>
  (JSON.parse((await caller.call('whoami', {})).text) as { nonce: string }).nonce

describe('a process for each session', () => {
  test(
    'a hundred clients never meet, and what a process remembers is its own session’s',
    { timeout: 2 * minutes },
    async () => {
      await start([echoLegacy], ['--mode', 'session', '--pool', '80'])
      await Promise.all(
        members.map(({ caller, index }) => caller.call('remember', { key: 'who', value: `m${index}c0m` })),
      )
      const before = await Promise.all(members.map(whoami))
      await wanderAll(echoScript, 4)
      expect(await Promise.all(members.map(whoami))).toEqual(before)
      const sessions = members.filter(({ caller }) => caller.hasSession)
      expect(sessions).toHaveLength(60)
      expect(new Set(sessions.map(({ index }) => before[index])).size).toBe(60)
      for (const { caller, index } of sessions) {
        expect((await caller.call('recall', { key: 'who' })).text).toBe(`m${index}c0m`)
      }
      const shared = new Set(members.filter(({ caller }) => !caller.hasSession).map(({ index }) => before[index]))
      for (const { index } of sessions) expect(shared).not.toContain(before[index])
    },
  )
})

describe.each([
  { mode: 'shared', eras: 'session-based', server: [echoLegacy], script: echoScript, options: ['--mode', 'shared'] },
  {
    mode: 'principal',
    eras: 'session-based',
    server: [echoLegacy],
    script: echoScript,
    options: ['--mode', 'principal'],
  },
  { mode: 'tenant', eras: 'session-based', server: [echoLegacy], script: echoScript, options: ['--mode', 'tenant'] },
  {
    mode: 'call',
    eras: 'session-based',
    server: [echoLegacy],
    script: echoScript,
    options: ['--mode', 'call', '--pool', '6'],
  },
  { mode: 'shared', eras: 'stateless', server: [echoModern], script: echoScript, options: [] },
  { mode: 'principal', eras: 'stateless', server: [echoModern], script: echoScript, options: ['--mode', 'principal'] },
  {
    mode: 'call',
    eras: 'stateless',
    server: [echoModern],
    script: echoScript,
    options: ['--mode', 'call', '--pool', '6'],
  },
  {
    mode: 'shared',
    eras: 'two-era',
    server: fixture('everything-dual.mjs').slice(1),
    script: everythingScript,
    options: ['--mode', 'shared'],
  },
])('mode $mode in front of a $eras server', ({ server, script, options }) => {
  test('a hundred clients never meet', { timeout: 2 * minutes }, async () => {
    await start(server, options)
    await wanderAll(script, 4)
  })
})
