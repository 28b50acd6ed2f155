/** A task of 2025-11-25 of the reference server that has everything, with a question in it, through mcplex and directly. */
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js'
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { expect, onTestFinished, test } from 'vitest'
import { startMcplex } from '../support/mcplex.ts'
import { type AnyClient, connectOld, program } from './test-client.ts'

const args = [program('server-everything'), 'stdio']

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
  const testClients = await Promise.all(places.map((place) => connectOld(place)))
  const [direct, through] = await Promise.all(testClients.map(({ client }) => research(client)))
  expect(through).toEqual(direct)
  expect(direct).toMatchObject({ stages: ['working', 'input_required'] })
  expect(JSON.stringify(direct)).toContain('Research Report: time (technical)')
  for (const { asked } of testClients) {
    expect(asked.filter(({ method }) => method === 'elicitation/create')).toHaveLength(1)
  }
  await Promise.all(testClients.map((testClient) => testClient.close()))
})
