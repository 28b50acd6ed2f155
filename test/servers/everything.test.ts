/**
 * The reference server that has everything, through mcplex and directly: the same script gives the same answers, its
 * questions, progress, logs and updates included.
 */
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { args, failing, steps } from './everything-steps.ts'
import { type AnyClient, connectOld, type Person, play, sdks } from './person.ts'
import { steady } from './same.ts'

describe.each(sdks)('$name', ({ connect }) => {
  let mcplex: Mcplex
  let people: Person[] = []
  let given: Array<Map<string, unknown>> = []
  beforeAll(async () => {
    mcplex = await startMcplex({ server: args, options: ['--log-level', 'warn'] })
    const roots = ['file:///somewhere', 'file:///elsewhere']
    people = await Promise.all([connect({ args, env: {} }, roots), connect({ url: mcplex.url }, roots)])
    given = await Promise.all(people.map((person) => play(person, steps)))
  }, 60_000)
  afterAll(async () => {
    await Promise.allSettled(people.map((person) => person.close()))
    const log = mcplex.log.map(({ msg }) => msg)
    expect((await mcplex.end()).code).toBe(0)
    expect(log).toEqual([])
  })

  test.each(steps.map(([name]) => name))('%s', (name) => {
    const [direct, through] = given.map((run) => steady(run.get(name)))
    expect(through).toEqual(direct)
    expect(direct).toBeDefined()
  })

  test('no step failed that should not have: the comparison is of answers', () => {
    const failed = steps.map(([name]) => name).filter((name) => Object.hasOwn(Object(given[0]?.get(name)), 'error'))
    expect(failed).toEqual(failing)
  })
})

/** Runs a task to its end. @returns its stages and its report */
async function research(client: AnyClient): Promise<unknown> {
  if (!(client instanceof OldClient)) throw new Error('tasks are of the older SDK')
  const params = { name: 'simulate-research-query', arguments: { topic: 'time', ambiguous: true } }
  const stages: string[] = []
  let report: unknown
  for await (const one of client.experimental.tasks.callToolStream(params, CallToolResultSchema, {
    task: { ttl: 60_000 },
  })) {
    if (one.type === 'error') throw one.error
    if (one.type === 'result') report = one.result.content
    else if (stages.at(-1) !== one.task.status) stages.push(one.task.status)
  }
  return { stages, report }
}

test('a task with a question in it comes to the same end', { timeout: 60_000 }, async () => {
  const mcplex = await startMcplex({ server: args, options: ['--log-level', 'warn'] })
  onTestFinished(async () => void (await mcplex.end()))
  const places = [{ args, env: {} }, { url: mcplex.url }]
  const people = await Promise.all(places.map((place) => connectOld(place)))
  const [direct, through] = await Promise.all(people.map(({ client }) => research(client)))
  expect(through).toEqual(direct)
  expect(direct).toMatchObject({ stages: ['working', 'input_required'] })
  expect(JSON.stringify(direct)).toContain('Research Report: time (technical)')
  for (const { asked } of people) {
    expect(asked.filter(({ method }) => method === 'elicitation/create')).toHaveLength(1)
  }
  await Promise.all(people.map((person) => person.close()))
})
