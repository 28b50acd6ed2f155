/** Tools that a session-based server runs as tasks alone, called by clients that know no such tasks. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type InProcess, startInProcess } from '../support/in-process.ts'
import { type JsonMap, messagesOf, responseTo, textOf } from '../support/rpc.ts'
import { openSession } from '../support/session.ts'
import { ask, callTool, toolResponse } from '../support/stateless.ts'

const script = fileURLToPath(new URL('tasks-only.mjs', import.meta.url))

let mcplex: InProcess
beforeAll(async () => {
  mcplex = await startInProcess([script], { upstream: { stateless: 'principal' } })
})
afterAll(() => mcplex.end())

const seen = async (): Promise<string[]> => JSON.parse(textOf(await toolResponse(mcplex.url, 'seen'))) as string[]

describe('a client without a session', () => {
  test('gets the result of a tool that runs as a task alone, and no word of the task', async () => {
    const { result } = await toolResponse(mcplex.url, 'long', { steps: 3 })
    expect(result).toMatchObject({ resultType: 'complete', content: [{ text: 'done' }], _meta: { own: 1 } })
    expect(JSON.stringify(result)).not.toContain('related-task')
  })

  test('is told what the server is at, as progress that rises, if it wants progress', async () => {
    const answered = await callTool(mcplex.url, 'long', { steps: 4 }, { id: 'it', meta: { progressToken: 'p' } })
    expect(textOf(await responseTo(answered, 'it'))).toBe('done')
    const told = messagesOf(answered).filter(({ method }) => method === 'notifications/progress')
    expect(told.map(({ params }) => params)).toEqual(
      told.map((_, at) => ({ progressToken: 'p', progress: at + 1, message: `asked ${at} times` })),
    )
    expect(told).toHaveLength(4)
  })

  test('is asked what the server wants to know, and gets the result with its answer', async () => {
    const capabilities = { elicitation: {} }
    const { result } = await toolResponse(mcplex.url, 'long', { ask: true }, { capabilities })
    expect(result).toMatchObject({ resultType: 'input_required' })
    const requests = result?.['inputRequests'] as JsonMap
    const [key] = Object.keys(requests)
    expect(requests[String(key)]).toEqual({
      method: 'elicitation/create',
      params: { message: 'Which?', requestedSchema: { type: 'object', properties: {} } },
    })
    const params = {
      name: 'long',
      arguments: { ask: true },
      requestState: result?.['requestState'],
      inputResponses: { [String(key)]: { action: 'accept', content: { a: 'b' } } },
    }
    const again = await ask(mcplex.url, 'tools/call', params, { id: 'again', capabilities })
    expect(textOf(await responseTo(again, 'again'))).toBe('answered {"action":"accept","content":{"a":"b"}}')
  })

  test('has a process to itself for each task, and no client hears of the task of another call', async () => {
    const options = { capabilities: { elicitation: {} } }
    const all = await Promise.all(
      Array.from({ length: 6 }, (_, at) => toolResponse(mcplex.url, 'long', { steps: 20 + at }, options)),
    )
    expect(all.map(textOf)).toEqual(all.map(() => 'done'))
  })

  test('that goes away during a task leaves the process to others', async () => {
    const single = await startInProcess([script], { upstream: { pool: 1, stateless: 'principal' } })
    const answered = await callTool(single.url, 'long', { steps: 1_000_000 }, { meta: { progressToken: 1 } })
    await answered.event('some progress', () => true)
    answered.cut()
    expect(textOf(await toolResponse(single.url, 'seen'))).toBe('["cancelled"]')
    await single.end()
  })

  test('that goes away cancels the task', async () => {
    const before = (await seen()).length
    const answered = await callTool(mcplex.url, 'long', { steps: 1_000_000 }, { meta: { progressToken: 1 } })
    await answered.event('some progress', () => true)
    answered.cut()
    await eventually('the server knows', async () => (await seen())[before] === 'cancelled')
  })

  test('hears that the server has lost the task', async () => {
    expect(await toolResponse(mcplex.url, 'long', { lose: true })).toMatchObject({ error: { code: -32602 } })
  })

  test('cannot ask for tasks itself', async () => {
    for (const method of ['tasks/get', 'tasks/result', 'tasks/list', 'tasks/cancel']) {
      const headers = { 'Mcp-Name': /get|cancel/.test(method) ? 'task-1' : undefined }
      const answered = await ask(mcplex.url, method, { taskId: 'task-1' }, { headers })
      expect(answered.status).toBe(404)
    }
    const listed = await ask(mcplex.url, 'tools/list', {}, { id: 1 })
    expect(JSON.stringify((await responseTo(listed, 1)).result)).not.toContain('taskSupport')
  })
})

test('a client with a session runs the task itself', async () => {
  const session = await openSession(mcplex.url)
  expect((await session.response('long')).result).toMatchObject({ isError: true })
  const begun = await session.request('tools/call', { name: 'long', arguments: {}, task: {} })
  const { taskId } = (begun.result?.['task'] ?? {}) as { taskId?: string }
  expect((await session.request('tasks/get', { taskId })).result).toMatchObject({ status: 'completed' })
  expect(textOf(await session.request('tasks/result', { taskId }))).toBe('done')
})

test(
  'the reference server runs its research for a client without a session, and asks it',
  { timeout: 30_000 },
  async () => {
    const everything = new URL(
      '../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
      import.meta.url,
    )
    const settings = { upstream: { stateless: 'principal' } } as const
    const reference = await startInProcess([fileURLToPath(everything), 'stdio'], settings)
    const capabilities = { elicitation: {} }
    const call = { name: 'simulate-research-query', arguments: { topic: 'python', ambiguous: true } }
    const first = await responseTo(await ask(reference.url, 'tools/call', call, { id: 1, capabilities }), 1)
    const requests = (first.result?.['inputRequests'] ?? {}) as JsonMap
    const inputResponses = Object.fromEntries(
      Object.keys(requests).map((key) => [key, { action: 'accept', content: { interpretation: 'snakes' } }]),
    )
    const { requestState } = first.result ?? {}
    const again = await ask(
      reference.url,
      'tools/call',
      { ...call, requestState, inputResponses },
      { id: 2, capabilities },
    )
    expect(textOf(await responseTo(again, 2))).toContain('python (snakes)')
    await reference.end()
  },
)
