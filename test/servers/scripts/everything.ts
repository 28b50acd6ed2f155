/** The reference server that has everything: questions, progress, logs and updates included. */
import { join } from 'node:path'
import { eventually } from '../../support/eventually.ts'
import { calls, type TestClient, program, type Script, type Step } from '../test-client.ts'

const uri = 'demo://resource/dynamic/text/7'
const followed = 'demo://resource/dynamic/text/8'
const document = 'demo://resource/static/document/architecture.md'

const read = (one: string, needs?: Step[2]): Step => [
  `reads ${one}`,
  ({ client }) => client.readResource({ uri: one }),
  needs,
]
const prompt = (name: string, params: Record<string, string> = {}): Step => [
  `is prompted by ${name} with ${JSON.stringify(params)}`,
  ({ client }) => client.getPrompt({ name, arguments: params }),
]
const complete = (name: string, argument: string, value: string, others?: Record<string, string>): Step => [
  `completes ${argument} of ${name} after ${value}`,
  ({ client }) =>
    client.complete({
      ref: name.includes(':') ? { type: 'ref/resource', uri: name } : { type: 'ref/prompt', name },
      argument: { name: argument, value },
      ...(others && { context: { arguments: others } }),
    }),
]
const questions = ({ asked }: TestClient): unknown => asked.filter(({ method }) => method !== 'roots/list')

const rootsUpdated = ({ notes }: TestClient, times: number): Promise<boolean> =>
  eventually('the server to know the roots', () => {
    const told = notes.filter(({ params }) => String(params?.['data']).startsWith('Roots updated'))
    return told.length >= times
  })

const steps: readonly Step[] = [
  [
    'gets the server description',
    async ({ client }) => [client.getServerVersion(), client.getServerCapabilities(), client.getInstructions()],
  ],
  ['pings', ({ client }) => client.ping(), 'session'],
  calls('echo', { message: 'grüße 😀\n' }),
  // After the first call the process of the session is there, with the tools that depend on its client.
  ['lists tools', ({ client }) => client.listTools()],
  ['lists resources', ({ client }) => client.listResources()],
  ['lists resource templates', ({ client }) => client.listResourceTemplates()],
  ['lists prompts', ({ client }) => client.listPrompts()],
  calls('get-sum', { a: 1.5, b: -2 }),
  calls('get-sum', { a: 'one', b: 2 }),
  calls('no-such-tool'),
  calls('get-tiny-image'),
  calls('get-annotated-message', { messageType: 'error', includeImage: true }),
  calls('get-structured-content', { location: 'Chicago' }),
  calls('get-resource-links', { count: 4 }),
  calls('get-resource-reference', { resourceType: 'Blob', resourceId: 3 }),
  calls('gzip-file-as-resource', { name: 'x.gz', data: 'data:text/plain,hello', outputType: 'resourceLink' }),
  // Lists are the same for all clients that share the processes of a server, whatever their calls have made.
  ['lists the resource that the call made', ({ client }) => client.listResources(), 'session'],
  read('demo://resource/session/x.gz', 'memory'),
  read(uri),
  read('demo://resource/dynamic/blob/7'),
  read(document),
  read('demo://resource/dynamic/text/none'),
  read('demo://nowhere'),
  prompt('simple-prompt'),
  prompt('args-prompt', { city: 'Paris', state: 'Texas' }),
  prompt('args-prompt'),
  prompt('resource-prompt', { resourceType: 'Text', resourceId: '2' }),
  prompt('no-such-prompt'),
  complete('completable-prompt', 'department', 'S'),
  complete('completable-prompt', 'name', '', { department: 'Sales' }),
  complete('demo://resource/dynamic/text/{resourceId}', 'resourceId', '12'),
  [
    'follows a long call',
    async (testClient) => {
      const told: Array<{ progress?: number }> = []
      const long = { duration: 0.4, steps: 4 }
      const result = await testClient.call('trigger-long-running-operation', long, (one) => told.push(one))
      // The SDKs may forget the last ones: they forget whom to tell once the answer is there. And without a session they
      // tell of questions as if they were progress.
      return { result, first: told.find((one) => !JSON.stringify(one).includes('Fulfilling input')) }
    },
  ],
  [
    'is asked to sample',
    async (testClient) => [
      await testClient.call('trigger-sampling-request', { prompt: 'What?', maxTokens: 9 }),
      questions(testClient),
    ],
    'questions',
  ],
  [
    'is asked to fill a form',
    async (testClient) => [await testClient.call('trigger-elicitation-request'), questions(testClient)],
    'questions',
  ],
  [
    'is asked for its roots',
    async (testClient) => {
      await rootsUpdated(testClient, 1)
      return [await testClient.call('get-roots-list'), testClient.asked.filter(({ method }) => method === 'roots/list')]
    },
    'session',
  ],
  [
    'says that its roots changed, and is asked again',
    async (testClient) => {
      await testClient.client.sendRootsListChanged()
      await rootsUpdated(testClient, 2)
      return testClient.asked.filter(({ method }) => method === 'roots/list').length
    },
    'session',
  ],
  [
    'follows a resource, and is told of its updates',
    async (testClient) => {
      const unfollow = await testClient.follow(followed)
      const started = await testClient.call('toggle-subscriber-updates')
      const update = await testClient.told(
        'notifications/resources/updated',
        ({ params }) => params?.['uri'] === followed,
      )
      await unfollow()
      return { started, update, stopped: await testClient.call('toggle-subscriber-updates') }
    },
    'memory',
  ],
  [
    'sets a level, and is told only what is severe enough',
    async (testClient) => {
      await testClient.client.setLoggingLevel('alert')
      const before = testClient.notes.length
      await testClient.client.subscribeResource({ uri: `${uri}0` })
      await testClient.call('echo', { message: 'after the log line that was too mild' })
      const told = testClient.notes.slice(before).filter(({ method }) => method === 'notifications/message')
      await testClient.client.setLoggingLevel('debug')
      return told
    },
    'session',
  ],
  [
    'subscribes, and is told of logs and of updates',
    async (testClient) => {
      await testClient.client.subscribeResource({ uri })
      const log = await testClient.told('notifications/message', ({ params }) =>
        String(params?.['data']).includes(`${uri} `),
      )
      const started = await testClient.call('toggle-subscriber-updates')
      const update = await testClient.told('notifications/resources/updated', ({ params }) => params?.['uri'] === uri)
      return { log, started, update, stopped: await testClient.call('toggle-subscriber-updates') }
    },
    'session',
  ],
  [
    'unsubscribes, and is told of no more updates',
    async (testClient) => {
      await testClient.client.unsubscribeResource({ uri })
      await testClient.client.unsubscribeResource({ uri: `${uri}0` })
      const before = testClient.notes.length
      await testClient.call('toggle-subscriber-updates')
      await testClient.call('toggle-subscriber-updates')
      await testClient.call('echo', { message: 'whatever was to be said has been' })
      return testClient.notes.slice(before).filter(({ method }) => method === 'notifications/resources/updated')
    },
    'session',
  ],
]

/** Descriptions and lists, for which no process is started; a result, a large one, a stream, and an error. */
const ofRoutes = /^(?:gets|lists|follows) |get-sum with {"a":1|get-tiny-image|args-prompt with {}/

export const everything: Script = {
  server: 'server-everything',
  isModule: true,
  keepsThings: false,
  asks: true,
  prepare: () =>
    Promise.resolve({
      args: [program('server-everything'), 'stdio'],
      module: join(import.meta.dirname, '../../fixtures/modules/reference-everything.mjs'),
      env: {},
      roots: ['file:///somewhere', 'file:///elsewhere'],
      steps,
    }),
  failing: [
    'reads demo://resource/dynamic/text/none',
    'reads demo://nowhere',
    'is prompted by args-prompt with {}',
    'is prompted by no-such-prompt with {}',
  ],
  changedByRoute: ([name, , needs]) => needs === 'questions' || ofRoutes.test(name),
}
