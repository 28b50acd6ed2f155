/** What is not of the core: extensions, and work that outlives its call. */
import type { JsonMap } from '../../support/rpc.ts'
import { type TestClient, resultOf } from '../test-client.ts'
import { always, call, type Feature, holds, isStateless, notInRevision, same, textIn, toolNamed } from './feature.ts'

const section = 'Extensions and tasks'
const extension = 'io.modelcontextprotocol/tasks'
const notOffered = '-: a server of its era has none'
const unchanged = 'works: what the revision does not know is passed on as it is'
const awaited = 'works: run as a task, and its result waited for'
const silent = '-: the client declares none, and is told of none'
const done = 'the job is done'

const extensionsOf = ({ serverDescription }: TestClient): JsonMap =>
  ((serverDescription['capabilities'] as JsonMap)['extensions'] ?? {}) as JsonMap

/** The state of a task once it is over. */
async function settled(testClient: TestClient, taskId: unknown): Promise<JsonMap> {
  for (;;) {
    const task = resultOf(await testClient.request('tasks/get', { taskId }))
    if (task['status'] !== 'working') return task
  }
}

export const extensions: readonly Feature[] = [
  {
    section,
    name: 'A method of an extension',
    async check(testClient) {
      const answer = await testClient.request('com.example/hello', { name: 'Ada' })
      same(answer.result?.['greeting'], 'Hello, Ada.')
      return 'works'
    },
    expected: always('works'),
  },
  {
    section,
    name: 'Extensions that the server declares',
    async check(testClient) {
      const { 'com.example/hello': declared } = extensionsOf(testClient)
      if (declared === undefined) return silent
      same(declared, {})
      return 'works'
    },
    expected: ({ client, spoken }) => (spoken === 'new' && client < '2025-11-25' ? silent : 'works'),
  },
  {
    section,
    name: 'An unknown method is refused',
    async check(testClient) {
      same((await testClient.request('com.example/unknown')).error?.code, -32601)
      return 'works: by `-32601`'
    },
    expected: always('works: by `-32601`'),
  },
  {
    section,
    name: 'A tool that may run as a task, called for its answer',
    async check(testClient) {
      if (testClient.isStateless && extensionsOf(testClient)[extension] !== undefined) {
        const bare = { 'io.modelcontextprotocol/clientCapabilities': {} }
        same(textIn(await call(testClient, 'job', {}, { meta: bare })), done)
      } else same(textIn(await call(testClient, 'job')), done)
      return 'works'
    },
    expected: always('works'),
  },
  {
    section,
    name: 'The tasks extension',
    async check(testClient, lane) {
      if (!isStateless(lane)) {
        const { error } = await testClient.request('tasks/update', { taskId: 'none', inputResponses: {} })
        holds('an error', error !== undefined, error)
        return `-: ${notInRevision}`
      }
      if (extensionsOf(testClient)[extension] === undefined) return notOffered
      const task = resultOf(await call(testClient, 'job'))
      same([task['resultType'], task['status']], ['task', 'working'])
      const { status, result } = await settled(testClient, task['taskId'])
      same([status, textIn({ result: result as JsonMap })], ['completed', done])
      const other = resultOf(await call(testClient, 'job'))
      resultOf(await testClient.request('tasks/cancel', { taskId: other['taskId'] }))
      same((await settled(testClient, other['taskId']))['status'], 'cancelled')
      return 'works'
    },
    expected: (lane) => {
      if (!isStateless(lane)) return `-: ${notInRevision}`
      return lane.spoken === 'old' ? notOffered : 'works'
    },
  },
  {
    section,
    name: 'The tasks of 2025-11-25',
    async check(testClient, { client }) {
      const { tasks } = testClient.serverDescription['capabilities'] as JsonMap
      if (tasks === undefined) {
        const entry = await toolNamed(testClient, 'job-only')
        same(entry?.['execution'], undefined)
        if (entry === undefined) return notOffered
        same(textIn(await call(testClient, 'job-only')), done)
        return awaited
      }
      const params = { name: 'job-only', arguments: {}, task: { ttl: 60_000 } }
      const { task } = resultOf(await testClient.request('tools/call', params))
      const { taskId } = task as JsonMap
      same((await settled(testClient, taskId))['status'], 'completed')
      same(textIn({ result: resultOf(await testClient.request('tasks/result', { taskId })) }), done)
      const other = resultOf(await testClient.request('tools/call', params))['task'] as JsonMap
      same(resultOf(await testClient.request('tasks/cancel', { taskId: other['taskId'] }))['status'], 'cancelled')
      return client < '2025-11-25' ? unchanged : 'works'
    },
    expected: (lane) => {
      if (lane.spoken === 'new' || lane.sdk === 2) return notOffered
      if (isStateless(lane)) return awaited
      return lane.client < '2025-11-25' ? unchanged : 'works'
    },
  },
]
