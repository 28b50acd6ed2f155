/** What client and server learn of each other before the first call. */
import type { JsonMap } from '../../support/rpc.ts'
import { capabilitiesOf } from '../answers.ts'
import { type TestClient, resultOf } from '../test-client.ts'
import { always, call, type Feature, holds, isStateless, notInRevision, refusalIn, same, textIn } from './feature.ts'

const section = 'Getting to know each other'
const serverInfoKey = 'io.modelcontextprotocol/serverInfo'
const versionKey = 'io.modelcontextprotocol/protocolVersion'
const unknownVersion = '2099-01-01'

interface About {
  readonly version: string
  readonly client: JsonMap
}

/** Of the capabilities of a client: whether it can be asked what. */
const questionsIn = (capabilities: JsonMap): JsonMap =>
  Object.fromEntries(['elicitation', 'roots', 'sampling'].map((kind) => [kind, capabilities[kind] !== undefined]))

/** What the server has been told of the client. */
async function toldOf(testClient: TestClient): Promise<JsonMap> {
  const { client } = JSON.parse(textIn(await call(testClient, 'about'))) as About
  return questionsIn(client['capabilities'] as JsonMap)
}

export const acquaintance: readonly Feature[] = [
  {
    section,
    name: 'The server description',
    async check({ serverDescription, isStateless: bare }, { client }) {
      const meta = serverDescription['_meta'] as JsonMap | undefined
      same(bare ? meta?.[serverInfoKey] : serverDescription['serverInfo'], { name: 'features', version: '1.0.0' })
      same(serverDescription['instructions'], 'Call text.')
      const { tools, resources, prompts, logging, completions } = serverDescription['capabilities'] as JsonMap
      same({ tools, prompts }, { tools: { listChanged: true }, prompts: { listChanged: true } })
      same({ resources, logging }, { resources: { listChanged: true, subscribe: true }, logging: {} })
      // The first revision has completion, and no word for it.
      if (client >= '2025-03-26') same(completions, {})
      return 'works'
    },
    expected: always('works'),
  },
  {
    section,
    name: 'Agreement on a version',
    async check(testClient, { client }) {
      if (!testClient.isStateless) {
        same(testClient.serverDescription['protocolVersion'], client)
        return 'works'
      }
      same(testClient.serverDescription['supportedVersions'], [client])
      const { error } = await call(testClient, 'text', {}, { meta: { [versionKey]: unknownVersion } })
      same([error?.code, error?.data?.['supported'], error?.data?.['requested']], [-32022, [client], unknownVersion])
      return 'works'
    },
    expected: always('works'),
  },
  {
    section,
    name: 'The server learns what its client can do',
    async check(testClient, lane) {
      same(await toldOf(testClient), questionsIn(capabilitiesOf(lane.client)))
      return 'works'
    },
    expected: always('works'),
  },
  {
    section,
    name: 'Of a client that declares nothing the server is told nothing, and it is asked nothing',
    async check(_, lane) {
      const other = await lane.connect({})
      try {
        for (const name of lane.spoken === 'old' ? ['ask', 'ask-anyway'] : ['ask']) {
          const refusal = refusalIn(await call(other, name, { what: 'form' }))
          holds(
            'a refusal that says why',
            /capab|cannot|not offer|not support|not declare/i.test(refusal ?? ''),
            refusal,
          )
        }
        same(other.asked, [])
        same(await toldOf(other), questionsIn({}))
        return 'works'
      } finally {
        await other.close()
      }
    },
    expected: always('works'),
  },
  {
    section,
    name: 'Ping',
    async check(testClient) {
      const answer = await testClient.request('ping')
      if (testClient.isStateless) {
        same(answer.error?.code, -32601)
        return `refused: ${notInRevision}`
      }
      same(resultOf(answer), {})
      return 'works'
    },
    expected: (lane) => (isStateless(lane) ? `refused: ${notInRevision}` : 'works'),
  },
]
