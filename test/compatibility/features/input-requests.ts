/** Input requests of a server during a request. */
import type { JsonMap, RpcMessage } from '../../support/rpc.ts'
import { roots } from '../answers.ts'
import { resultOf } from '../test-client.ts'
import {
  call,
  type Feature,
  holds,
  isStateless,
  type Lane,
  nameOf,
  notInRevision,
  refusalIn,
  same,
  textIn,
  toolNamed,
  until,
} from './feature.ts'

const section = 'Questions'
const notInEra = '-: a server of its era cannot say it'
const elicit = 'elicitation/create'
const sample = 'sampling/createMessage'
const listRoots = 'roots/list'

const form = { action: 'accept', content: { name: 'Ada' } }
const paris = { role: 'assistant', model: 'a model', content: { type: 'text', text: 'Paris' } }

/** A question that came with a revision: older clients are not asked, and the call says why it failed. */
const question = (row: {
  readonly name: string
  readonly what: string
  readonly since: string
  readonly asked: readonly string[]
  readonly answers: JsonMap
}): Feature => ({
  section,
  name: row.name,
  async check(testClient) {
    const before = testClient.asked.length
    const answer = await call(testClient, 'ask', { what: row.what })
    const asked = testClient.asked.slice(before).map(({ method }) => method)
    const refusal = refusalIn(answer)
    if (refusal !== undefined) {
      holds('a refusal that says why', /capab|cannot|not offer|not support|not declare/i.test(refusal), refusal)
      same(asked, [])
      return `refused: ${notInRevision}`
    }
    same(JSON.parse(textIn(answer)), row.answers)
    same(asked.toSorted(), row.asked.toSorted())
    return 'works'
  },
  expected: ({ client }) => (client < row.since ? `refused: ${notInRevision}` : 'works'),
})

const elicitationSince = '2025-06-18'

const plain = [
  question({
    name: 'Elicitation by a form',
    what: 'form',
    since: elicitationSince,
    asked: [elicit],
    answers: { who: form },
  }),
  question({
    name: 'Elicitation that the user declines',
    what: 'decline',
    since: elicitationSince,
    asked: [elicit],
    answers: { who: { action: 'decline' } },
  }),
  question({
    name: 'Elicitation by a page to open',
    what: 'url',
    since: '2025-11-25',
    asked: [elicit],
    answers: { signed: { action: 'accept' } },
  }),
  question({ name: 'Sampling', what: 'sampling', since: '', asked: [sample], answers: { capital: paris } }),
  question({
    name: 'Sampling with tools',
    what: 'sampling-tools',
    since: '2025-11-25',
    asked: [sample],
    answers: {
      capital: {
        ...paris,
        content: [{ type: 'tool_use', id: 'use-1', name: 'weather', input: { city: 'Paris' } }],
        stopReason: 'toolUse',
      },
    },
  }),
  question({ name: 'Roots', what: 'roots', since: '', asked: [listRoots], answers: { roots: { roots } } }),
  question({
    name: 'Several questions at once',
    what: 'several',
    since: elicitationSince,
    asked: [elicit, sample, listRoots],
    answers: { who: form, capital: paris, roots: { roots } },
  }),
  question({
    name: 'Several rounds of questions',
    what: 'rounds',
    since: elicitationSince,
    asked: [elicit, elicit],
    answers: {
      first: { action: 'accept', content: { first: 'Ada' } },
      second: { action: 'accept', content: { second: 'Ada' } },
    },
  }),
]

/** Some tools only a session-based server has: a client that does not see them cannot call them. */
const seen = async (testClient: Parameters<Feature['check']>[0], name: string): Promise<boolean> =>
  (await toolNamed(testClient, name)) !== undefined

/** Whether a call was refused because the client cannot be asked; throws if it was refused without saying so. */
function isRefused(answer: RpcMessage): boolean {
  const refusal = refusalIn(answer)
  if (refusal === undefined || refusal.includes('-32042')) return false
  holds('a refusal that says why', /capab|cannot|not offer|not support|not declare/i.test(refusal), refusal)
  return true
}

const hasUrl = ({ client }: Lane): boolean => client >= '2025-11-25'

export const questions: readonly Feature[] = [
  ...plain,
  {
    section,
    name: 'A question of a prompt',
    async check(testClient) {
      const answer = await testClient.request('prompts/get', { name: 'asks' })
      const refusal = refusalIn(answer)
      if (refusal !== undefined) {
        holds('a refusal that says why', /capab|cannot|not offer|not support|not declare/i.test(refusal), refusal)
        return `refused: ${notInRevision}`
      }
      if (answer.result?.['isError'] === true) return `refused: ${notInRevision}`
      const [message] = resultOf(answer)['messages'] as readonly { content: { text: string } }[]
      same(JSON.parse(message?.content.text ?? ''), { who: form })
      return 'works'
    },
    expected: ({ client }) => (client < elicitationSince ? `refused: ${notInRevision}` : 'works'),
  },
  {
    section,
    name: 'A page to open, demanded by an error (`-32042`)',
    async check(testClient, lane) {
      if (!(await seen(testClient, 'sign-in'))) return notInEra
      const key = nameOf(lane)
      const first = await call(testClient, 'sign-in', { key })
      if (isRefused(first)) return `refused: ${notInRevision}`
      if (first.error) {
        same(
          [
            first.error.code,
            (first.error.data?.['elicitations'] as readonly JsonMap[] | undefined)?.[0]?.['elicitationId'],
          ],
          [-32042, key],
        )
        same(textIn(await call(testClient, 'sign-in', { key })), `signed in for ${key}`)
        return 'works'
      }
      same(textIn(first), `signed in for ${key}`)
      holds('the page', String(testClient.asked.at(-1)?.params['url']).includes('sign-in'), testClient.asked.at(-1))
      return 'works: as a question'
    },
    expected: (lane) => {
      if (lane.spoken === 'new') return notInEra
      if (!hasUrl(lane)) return `refused: ${notInRevision}`
      return isStateless(lane) ? 'works: as a question' : 'works'
    },
  },
  {
    section,
    name: 'Word that a page was dealt with',
    async check(testClient) {
      if (!(await seen(testClient, 'open-page'))) return notInEra
      const since = testClient.received.length
      const answer = await call(testClient, 'open-page')
      if (isRefused(answer)) return `refused: ${notInRevision}`
      same(JSON.parse(textIn(answer)), { action: 'accept' })
      const isWord = ({ method }: { method?: string }): boolean => method === 'notifications/elicitation/complete'
      if (testClient.isStateless) {
        same(
          testClient.received.slice(since).some(({ message }) => isWord(message)),
          false,
        )
        return '-: learnt by asking again'
      }
      const { message } = await testClient.told('word of it', since, isWord)
      same(message.params?.['elicitationId'], testClient.asked.at(-1)?.params['elicitationId'])
      return 'works'
    },
    expected: (lane) => {
      if (lane.spoken === 'new') return notInEra
      if (!hasUrl(lane)) return `refused: ${notInRevision}`
      return isStateless(lane) ? '-: learnt by asking again' : 'works'
    },
  },
  {
    section,
    name: 'A question that its server takes back',
    async check(testClient) {
      if (!(await seen(testClient, 'take-back'))) return notInEra
      const since = testClient.received.length
      const answer = await call(testClient, 'take-back')
      if (isRefused(answer)) return `refused: ${notInRevision}`
      same(textIn(answer), 'took the question back')
      const { id } = testClient.asked.at(-1) ?? {}
      if (testClient.isStateless) return 'works'
      await testClient.told(
        'word of it',
        since,
        ({ method, params }) => method === 'notifications/cancelled' && params?.['requestId'] === id,
      )
      return 'works'
    },
    expected: ({ client, spoken }) => {
      if (spoken === 'new') return notInEra
      return client < elicitationSince ? `refused: ${notInRevision}` : 'works'
    },
  },
  {
    section,
    name: 'Word of the client that its roots changed',
    async check(testClient, lane) {
      const count = async (): Promise<number> =>
        (JSON.parse(textIn(await call(testClient, 'about'))) as { rootsChanged?: number }).rootsChanged ?? -1
      const before = await count()
      await testClient.notify('notifications/roots/list_changed', {})
      if (isStateless(lane)) {
        same(await count(), before)
        return `-: ${notInRevision}`
      }
      if (lane.spoken === 'new') {
        same([before, textIn(await call(testClient, 'text'))], [-1, 'plain ✓ text'])
        return '-: the server asks anew with each call'
      }
      await until('the server to know', async () => (await count()) === before + 1)
      return 'works'
    },
    expected: (lane) => {
      if (isStateless(lane)) return `-: ${notInRevision}`
      return lane.spoken === 'new' ? '-: the server asks anew with each call' : 'works'
    },
  },
]
