/**
 * A crowd of clients of both eras, with equal ids and tokens, before a module and at an endpoint of two servers: no client
 * is sent anything of another one, or reaches it, and each session has what it has remembered, at each server.
 */
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { PartialSettings } from '../../src/index.ts'
import { allReady } from '../support/all-ready.ts'
import { startUpstreams } from '../support/in-process.ts'
import { echoLegacy } from '../support/mcplex.ts'
import { responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { echoScript, foreign, gather, type PlannedCall, type Script, wander } from './many-clients.ts'

const size = 30
const module = (name: string): string => join(import.meta.dirname, '../fixtures/modules', name)
const stateless = 'principal' as const
const common = { mode: 'session', stateless, pool: 40 } as const

/** The tools of the modules report progress without a message, and do not log. */
const moduleScript: Script = {
  echo: echoScript.echo,
  linger: echoScript.linger,
  report(number) {
    const call = echoScript.report(number)
    return { ...call, progress: call.progress.map(({ progress, total }) => ({ progress, total })) }
  },
}

/** Calls each of the servers in turn. */
function inTurn(script: Script, prefixes: readonly string[]): Script {
  let calls = 0
  const at = (call: PlannedCall): PlannedCall => ({
    ...call,
    tool: `${prefixes[calls++ % prefixes.length]}${call.tool}`,
  })
  const { log } = script
  return {
    echo: (mark) => at(script.echo(mark)),
    report: (number) => at(script.report(number)),
    linger: (number, ms) => at(script.linger(number, ms)),
    ...(log && { log: (number) => at(log(number)) }),
  }
}

interface Row {
  readonly name: string
  readonly upstreams: NonNullable<PartialSettings['upstreams']>
  readonly script: Script
}

const echo = { ...common, command: process.execPath, args: [echoLegacy] }
const rows: readonly Row[] = [
  {
    name: 'a module',
    upstreams: { only: { ...common, module: module('echo-v2.mjs') } },
    script: moduleScript,
  },
  {
    name: 'two modules',
    upstreams: {
      one: { ...common, module: module('echo-v1.mjs') },
      two: { ...common, module: module('echo-v2.mjs') },
    },
    script: moduleScript,
  },
  { name: 'two servers at one endpoint', upstreams: { one: echo, two: echo }, script: echoScript },
]

/** What clients need: the address, and what the names of the tools of each server begin with. */
async function start({ upstreams }: Row): Promise<{ readonly url: string; readonly prefixes: readonly string[] }> {
  const { url } = await startUpstreams(upstreams)
  await allReady(url)
  const names = Object.keys(upstreams)
  return { url, prefixes: names.length === 1 ? [''] : names.map((name) => `${name}__`) }
}

test.each(rows)('before $name, clients never meet', { timeout: 120_000 }, async (row) => {
  const { url, prefixes } = await start(row)
  const members = await gather(url, size)
  onTestFinished(async () => {
    await Promise.all(members.map(({ caller }) => caller.close().catch(() => undefined)))
  })
  const own = ({ index }: (typeof members)[number], prefix: string): string => `m${index}c0m${prefix}`
  const sessions = members.filter(({ caller }) => caller.hasSession)
  await Promise.all(
    sessions.flatMap((member) =>
      prefixes.map((prefix) => member.caller.call(`${prefix}remember`, { key: 'who', value: own(member, prefix) })),
    ),
  )
  const calls = inTurn(row.script, prefixes)
  const faults = await Promise.all(members.map((member) => wander(member, calls, 4, 20_261_127)))
  expect(faults.flat()).toEqual([])
  for (const member of sessions)
    for (const prefix of prefixes)
      expect((await member.caller.call(`${prefix}recall`, { key: 'who' })).text).toBe(own(member, prefix))
  expect(members.flatMap(foreign)).toEqual([])
  expect(members.reduce((sum, { cancelled }) => sum + cancelled, 0)).toBeGreaterThan(size / 10)
  expect(sessions).toHaveLength(size * 0.6)
})

test.each(rows)('before $name, another session can neither cancel a call, nor answer for it', async (row) => {
  const { url, prefixes } = await start(row)
  const opening = { capabilities: { elicitation: {} } }
  const [victim, stranger] = [await openSession(url, opening), await openSession(url, opening)]
  for (const prefix of prefixes) {
    await Promise.all([victim, stranger].map((session) => session.text(`${prefix}echo`, { text: 'there' })))
    const running = await victim.call(`${prefix}slow`, { ms: 1000, steps: 2 }, { id: 1, progressToken: 1 })
    // The id of the client, the number that the server knows the call by, and what might be one.
    for (const id of [1, '1', 0, 65_536, 131_072, 196_608]) {
      expect((await stranger.notify('notifications/cancelled', { requestId: id })).status).toBe(202)
      await stranger.notify('notifications/progress', { progressToken: id, progress: 99 })
      await stranger.post({ id, result: { content: [{ type: 'text', text: 'forged' }] } })
    }
    expect(textOf(await responseTo(running, 1))).toBe('done after 1000 ms')
    expect(running.text).not.toContain('99')

    const answered = await victim.call(`${prefix}ask`, { kind: 'elicitation' }, { id: 2 })
    const question = await answered.event('a question', ({ data }) => data.includes('elicitation/create'))
    const { id = '' } = JSON.parse(question.data) as RpcMessage
    const result = (name: string): object => ({ action: 'accept', content: { name } })
    expect((await stranger.post({ id, result: result('Mallory') })).status).toBe(202)
    await victim.post({ id, result: result('Ada') })
    expect(JSON.parse(textOf(await responseTo(answered, 2)))).toEqual(result('Ada'))
  }
})
