/** Calls, and every shape that their results can have. */
import type { JsonMap } from '../../support/rpc.ts'
import { resultOf } from '../test-client.ts'
import {
  always,
  call,
  contentOf,
  endsWithCall,
  type Feature,
  holds,
  isHttp,
  isStateless,
  same,
  textIn,
  toolNamed,
} from './feature.ts'

const section = 'Calls'
const asText = 'works: as text'
const rounded = 'works: numbers as JavaScript has them'
const unsaid = '-: a server of its era cannot say it'

/** Content of a type that came with a revision: older clients get it as text. */
const content = (name: string, tool: string, type: string, since: string, words: RegExp): Feature => ({
  section,
  name,
  async check(testClient) {
    const [first] = contentOf(await call(testClient, tool))
    if (first?.type === type) return 'works'
    holds('text in its place', first?.type === 'text' && words.test(first.text ?? ''), first)
    return asText
  },
  expected: ({ client }) => (client < since ? asText : 'works'),
})

/** Structured content that is no object, of a tool that only the stateless revision can have. */
const rootless = (name: string, tool: string, value: unknown): Feature => ({
  section,
  name,
  async check(testClient) {
    const listed = await toolNamed(testClient, tool)
    if (!listed) return unsaid
    const result = resultOf(await call(testClient, tool))
    const { type } = (listed['outputSchema'] ?? {}) as { type?: string }
    const found = result['structuredContent']
    const [text] = result['content'] as readonly JsonMap[]
    same(text?.['text'], JSON.stringify(value))
    if (JSON.stringify(found) === JSON.stringify(value)) return 'works'
    if (found === undefined) {
      same(listed['outputSchema'], undefined)
      return asText
    }
    same(found, { result: value })
    same(type, 'object')
    return 'works: within an object'
  },
  expected: ({ client, spoken }) => {
    if (spoken === 'old') return unsaid
    if (client < '2025-06-18') return asText
    return client < '2026-07-28' ? 'works: within an object' : 'works'
  },
})

export const calls: readonly Feature[] = [
  {
    section,
    name: 'Text',
    async check(testClient) {
      same(textIn(await call(testClient, 'text')), 'plain ✓ text')
      return 'works'
    },
    expected: always('works'),
  },
  content('Image', 'image', 'image', '', /^$/),
  content('Audio', 'audio', 'audio', '2025-03-26', /sound|audio/i),
  content('Link to a resource', 'link', 'resource_link', '2025-06-18', /feature:\/\/texts\/1/),
  content('Embedded resource', 'embedded', 'resource', '', /^$/),
  {
    section,
    name: 'Structured content',
    async check(testClient) {
      const result = resultOf(await call(testClient, 'object'))
      if (result['structuredContent'] === undefined) {
        same(textIn({ result }), '{"sum":3}')
        return asText
      }
      same(result['structuredContent'], { sum: 3 })
      return 'works'
    },
    expected: ({ client }) => (client < '2025-06-18' ? asText : 'works'),
  },
  rootless('Structured content, an array', 'array', [1, 2, 3]),
  rootless('Structured content, a string', 'string', 'word'),
  {
    section,
    name: 'A tool that fails',
    async check(testClient) {
      const result = resultOf(await call(testClient, 'fails'))
      same([result['isError'], (result['content'] as readonly JsonMap[])[0]?.['text']], [true, 'failed, as told'])
      return 'works'
    },
    expected: always('works'),
  },
  {
    section,
    name: 'An error of the server, with its own code and data',
    async check(testClient) {
      const { error } = await call(testClient, 'refuses')
      same(error, { code: 4711, message: 'refused, as told', data: { hint: 'none' } })
      return 'works'
    },
    expected: always('works'),
  },
  {
    section,
    name: 'A tool that is not there is refused',
    async check(testClient) {
      same((await call(testClient, 'no-such-tool')).error?.code, -32602)
      return 'works: by `-32602`'
    },
    expected: always('works: by `-32602`'),
  },
  {
    section,
    name: 'Unknown members and numbers of any size',
    async check(testClient, { sdk }) {
      const since = testClient.received.length
      const { result } = await call(testClient, 'exact')
      same((result?.['_meta'] as JsonMap | undefined)?.['com.example/kept'], { a: [1, null] })
      const { text } = await testClient.told('the answer', since, (message) => message.result !== undefined)
      if (sdk !== undefined && text.includes('12345678901234567000')) return rounded
      holds('the number as it was', text.includes('12345678901234567890'), text)
      return 'works'
    },
    expected: ({ sdk }) => (sdk === undefined ? 'works' : rounded),
  },
  {
    section,
    name: 'Trace context',
    async check(testClient) {
      const trace = { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', tracestate: 'a=b' }
      const { meta } = JSON.parse(textIn(await call(testClient, 'about', {}, { meta: trace }))) as { meta: JsonMap }
      same([meta['traceparent'], meta['tracestate']], [trace.traceparent, trace.tracestate])
      return 'works'
    },
    expected: always('works'),
  },
  {
    section,
    name: 'Word of the result’s type',
    async check(testClient) {
      const { resultType } = resultOf(await call(testClient, 'text'))
      same(resultType, testClient.isStateless ? 'complete' : undefined)
      return testClient.isStateless ? 'works' : '-: left out'
    },
    expected: (lane) => (isStateless(lane) ? 'works' : '-: left out'),
  },
  {
    section,
    name: 'Headers that mirror the body',
    async check(testClient, lane) {
      const args = { region: 'north' }
      const headers = { 'Mcp-Param-Region': 'north' }
      same(textIn(await call(testClient, 'region', args, { headers })), 'region north')
      const wrong = await call(testClient, 'region', args, { headers: { 'Mcp-Param-Region': 'south' } })
      if (isStateless(lane) && isHttp(lane)) {
        same(wrong.error?.code, -32020)
        return 'works'
      }
      same(textIn(wrong), 'region north')
      return '-: no headers'
    },
    expected: (lane) => (isStateless(lane) && isHttp(lane) ? 'works' : '-: no headers'),
  },
  {
    section,
    name: 'What a call leaves behind is there for the next',
    async check(testClient, lane) {
      let found = ''
      await lane.alone(testClient, async (one) => {
        await call(one, 'remember', { key: lane.client, value: lane.transport })
        found = textIn(await call(one, 'recall', { key: lane.client }))
      })
      if (!endsWithCall(lane)) same(found, lane.transport)
      return endsWithCall(lane) && found === '' ? '-: a process for each call' : 'works'
    },
    expected: (lane) => (endsWithCall(lane) && lane.sdk === undefined ? '-: a process for each call' : 'works'),
  },
]
