/** Prompts, resources, completion, and notifications of their changes. */
import type { JsonMap } from '../../support/rpc.ts'
import { type TestClient, resultOf } from '../test-client.ts'
import { always, call, type Feature, holds, nameOf, isStateless, same, textIn, until } from './feature.ts'

const section = 'Prompts and resources'
const updated = 'notifications/resources/updated'

async function read(testClient: TestClient, uri: string): Promise<JsonMap | undefined> {
  const { contents } = resultOf(await testClient.request('resources/read', { uri }))
  return (contents as JsonMap[])[0]
}

const completing = (name: string, params: JsonMap, values: readonly string[]): Feature => ({
  section,
  name,
  async check(testClient) {
    const { completion } = resultOf(await testClient.request('completion/complete', params))
    same((completion as JsonMap)['values'], values)
    return 'works'
  },
  expected: always('works'),
})

const greet = { type: 'ref/prompt', name: 'greet' }

export const reading: readonly Feature[] = [
  {
    section,
    name: 'A prompt with arguments',
    async check(testClient) {
      const { messages } = resultOf(
        await testClient.request('prompts/get', { name: 'greet', arguments: { name: 'Ada' } }),
      )
      same(messages, [{ role: 'user', content: { type: 'text', text: 'Greet Ada.' } }])
      return 'works'
    },
    expected: always('works'),
  },
  {
    section,
    name: 'A prompt with a picture and a resource in it',
    async check(testClient) {
      const { messages } = resultOf(await testClient.request('prompts/get', { name: 'picture' }))
      same(
        (messages as readonly { content: { type: string } }[]).map(({ content }) => content.type),
        ['image', 'resource'],
      )
      return 'works'
    },
    expected: always('works'),
  },
  {
    section,
    name: 'A resource of text, and one of bytes',
    async check(testClient) {
      same((await read(testClient, 'feature://texts/2'))?.['text'], 'the text of feature://texts/2')
      same((await read(testClient, 'feature://picture'))?.['mimeType'], 'image/png')
      return 'works'
    },
    expected: always('works'),
  },
  {
    section,
    name: 'A resource of a template',
    async check(testClient) {
      same((await read(testClient, 'feature://kind-3/7'))?.['text'], 'kind-3: 7')
      return 'works'
    },
    expected: always('works'),
  },
  {
    section,
    name: 'A resource that is not there is refused',
    async check(testClient) {
      const { error } = await testClient.request('resources/read', { uri: 'feature://nowhere' })
      same(error?.data?.['uri'], 'feature://nowhere')
      return `works: by \`${error?.code ?? 0}\``
    },
    expected: (lane) => `works: by \`${isStateless(lane) || lane.sdk === 2 ? -32602 : -32002}\``,
  },
  completing('Completion of an argument of a prompt', { ref: greet, argument: { name: 'name', value: 'A' } }, [
    'Ada',
    'Alan',
  ]),
  completing(
    'Completion that depends on other arguments',
    { ref: greet, argument: { name: 'tone', value: '' }, context: { arguments: { name: 'Ada' } } },
    ['kind to Ada'],
  ),
  completing(
    'Completion of a template',
    { ref: { type: 'ref/resource', uri: 'feature://values/{key}' }, argument: { name: 'key', value: 'a' } },
    ['alpha'],
  ),
  {
    section,
    name: 'Word that a resource changed, and no more of it',
    async check(testClient, lane) {
      const uri = `feature://watched/${nameOf(lane)}`
      const unfollow = await testClient.follow(uri)
      const since = testClient.received.length
      // A server may be listened to twice for a moment, while one listener takes the place of another.
      holds('a client is told', /^told [12]$/.test(textIn(await call(testClient, 'update', { uri }))), uri)
      await testClient.told(
        'word of the update',
        since,
        ({ method, params }) => method === updated && params?.['uri'] === uri,
      )
      await unfollow()
      await until('the server to know', async () => textIn(await call(testClient, 'update', { uri })) === 'told 0')
      return 'works'
    },
    expected: always('works'),
  },
]
