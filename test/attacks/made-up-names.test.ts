/** What clients make up (names of tools, prompts, methods and of themselves) writes nothing into the log. */
import { expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { echoLegacy, echoModern, type LogLine, type Mcplex, mcplexForTest } from '../support/mcplex.ts'
import { openSession } from '../support/session.ts'
import { ask, toolResponse } from '../support/stateless.ts'

const made = 'SECRET\n{"level":"error","msg":"forged"}'

const callsIn = async ({ log }: Mcplex, count: number): Promise<readonly LogLine[]> =>
  eventually(`${count} calls in the log`, () => {
    const calls = log.filter(({ msg }) => String(msg).startsWith('call'))
    return calls.length >= count && calls
  })

test('a name that the server does not list is not logged, be it of a tool, a prompt or a method', async () => {
  const mcplex = await mcplexForTest({ server: [echoLegacy] })
  const session = await openSession(mcplex.url)
  await session.response('echo', { text: 'x' })
  for (const name of [made, 'x'.repeat(8000), 'Echo', ' echo', '__proto__', 'toString', 'tools/list']) {
    expect((await session.response(name)).error).toBeDefined()
  }
  expect((await session.request(made)).error).toBeDefined()
  await session.request('prompts/get', { name: made })
  const calls = await callsIn(mcplex, 10)
  const named = calls.map(({ method, tool }) => [method, tool])
  expect(named).toEqual([
    ['tools/call', 'echo'],
    ...Array.from({ length: 7 }, () => ['tools/call', 'unknown']),
    ['unknown', undefined],
    ['prompts/get', 'unknown'],
  ])
  expect(JSON.stringify(mcplex.log)).not.toContain('SECRET')
})

test('a list that no client has requested is fetched, and its names are logged from then on', async () => {
  const mcplex = await mcplexForTest({ server: [echoLegacy] })
  const session = await openSession(mcplex.url)
  const prompt = (): Promise<unknown> => session.request('prompts/get', { name: 'greet', arguments: { name: 'Ada' } })
  await prompt()
  expect((await callsIn(mcplex, 1)).map(({ tool }) => tool)).toEqual(['unknown'])
  await eventually('its name', async () => {
    await prompt()
    return mcplex.log.some(({ tool }) => tool === 'greet')
  })
})

test('names stay known while a list that has changed is learnt anew', async () => {
  const mcplex = await mcplexForTest({ server: [echoModern] })
  expect((await toolResponse(mcplex.url, 'touch-list')).error).toBeUndefined()
  expect((await toolResponse(mcplex.url, 'echo', { text: 'x' })).error).toBeUndefined()
  await toolResponse(mcplex.url, 'SECRET')
  const calls = await callsIn(mcplex, 3)
  expect(calls.map(({ tool }) => tool)).toEqual(['touch-list', 'echo', 'unknown'])
})

test('what a client calls itself is logged up to a length', async () => {
  const mcplex = await mcplexForTest({ server: [echoLegacy] })
  await openSession(mcplex.url, { client: `${'n'.repeat(127)}mm${'x'.repeat(50_000)}` })
  const begun = await eventually('the session in the log', () => mcplex.log.find(({ msg }) => msg === 'session begins'))
  expect(begun['client']).toMatch(/^n{127}m(?:\/.{0,64})?$/)
})

test('a method of no specification is not logged, of a client without a session either', async () => {
  const mcplex = await mcplexForTest({ server: [echoModern] })
  await (await ask(mcplex.url, 'made-up/SECRET', {}, { id: 1 })).whole()
  await toolResponse(mcplex.url, 'echo', { text: 'x' })
  await callsIn(mcplex, 1)
  expect(JSON.stringify(mcplex.log)).not.toContain('SECRET')
})
