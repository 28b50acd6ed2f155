/** What `call` promises. */
import assert from 'node:assert/strict'
import { Cancel } from '../../base/cancel.ts'
import type { Call, Outcome } from '../../protocol/call.ts'
import { isObject, type JsonObject, rawObject } from '../../protocol/json-text.ts'
import type { Answer } from '../../protocol/jsonrpc.ts'
import { until } from '../contract/until.ts'
import { type ContractClient, readOn, readReply, toolText, type UpstreamTest } from './fixture.ts'

export function callsContract(upstreamTest: UpstreamTest): void {
  upstreamTest('a reply gives the updates in their order, then one outcome', async ({ client }) => {
    const ada = client('ada')
    const reply = ada.begin(ada.call('notify', { count: 100 }, { progressToken: '"mine"' }))
    const { seen, outcome } = await readReply(reply)
    assert.deepEqual(
      seen.map(({ method, params }) => [method, params?.value['progress'], params?.value['progressToken']]),
      Array.from({ length: 100 }, (_, at) => ['notifications/progress', at + 1, 'mine']),
    )
    assert.equal(toolText(outcome), 'sent 100')
    assert.deepEqual(await reply.next(), { done: true, value: undefined })
  })

  upstreamTest('each of many calls at once gets its own outcome', async ({ client }) => {
    const texts = Array.from({ length: 60 }, (_, n) => `text ${n}`)
    const clients = ['ada', 'bob', 'eve']
    const given = await Promise.all(texts.map((text, n) => client(clients[n % 3] ?? '').text('echo', { text })))
    assert.deepEqual(given, texts)
  })

  upstreamTest('a call is sent when its reply is first asked for a step, and not before', async ({ client }) => {
    const ada = client('ada')
    const before = Number((await ada.json('whoami'))['calls'])
    ada.begin(ada.call('echo', { text: 'never read' }))
    assert.equal((await ada.json('whoami'))['calls'], before + 1)
  })

  upstreamTest('an error of the server is an outcome', async ({ client }) => {
    const { answer } = await client('ada').outcome('no such tool')
    assert.equal(answer.kind === 'error' && answer.error.value['code'], -32602)
  })

  upstreamTest('a call that was cancelled before is not sent', async ({ client, refused }) => {
    const ada = client('ada')
    const cancel = new Cancel()
    cancel.cancel('the client has gone')
    const before = Number((await ada.json('whoami'))['calls'])
    await refused(readOn(ada.begin(ada.call('echo', { text: '' }, { cancel }))), 'cancelled')
    assert.equal((await ada.json('whoami'))['calls'], before + 1)
  })

  upstreamTest('a call that is cancelled ends as cancelled, and the server is told', async ({ client, refused }) => {
    const ada = client('ada')
    const cancel = new Cancel()
    const reply = await ada.atWork({ cancel })
    cancel.cancel('the client has gone')
    await refused(readOn(reply), 'cancelled')
    await until('the server was told', async () => (await ada.json('cancelled'))['count'] === 1)
  })

  upstreamTest('a reply that is returned early is cancelled at the server', async ({ client }) => {
    const ada = client('ada')
    const reply = await ada.atWork()
    await reply.return(await ada.outcome('echo', { text: '' }))
    await until('the server was told', async () => (await ada.json('cancelled'))['count'] === 1)
  })

  upstreamTest('an input request reaches the client of its call, and one answer comes back', async ({ client }) => {
    const ada = client('ada')
    const { asked, outcome } = await answeredCall(ada, 'ask', { kind: 'elicitation', message: 'Who?' })
    assert.deepEqual(asked, ['elicitation/create'])
    assert.deepEqual(JSON.parse(toolText(outcome)), accepted('Ada'))
  })

  upstreamTest('a call whose worker ends is refused, and the next one is served', async ({ client, refused }) => {
    const ada = client('ada')
    await refused(readOn(ada.begin(ada.call('crash'))), 'upstream_closed')
    assert.equal(await ada.text('echo', { text: 'again' }), 'again')
  })

  upstreamTest('a close ends the calls in flight, and refuses later ones', async ({ client, upstream, refused }) => {
    const ada = client('ada')
    const reply = await ada.atWork()
    const closing = upstream.close()
    await refused(readOn(reply), 'upstream_closed')
    await closing
    await refused(readOn(ada.begin(ada.call('echo', { text: '' }))), 'draining')
  })
}

const accepted = (name: string): JsonObject => ({ action: 'accept', content: { name } })
const acceptedAnswer = (name: string): Answer => ({ kind: 'result', result: rawObject(accepted(name)) })

/**
 * Runs a call and answers its input requests: those that come as updates, and those that end the call, which is then
 * made again with the responses. An update is answered twice, of which the second must have no effect.
 */
async function answeredCall(
  client: ContractClient,
  tool: string,
  args: JsonObject,
): Promise<{ readonly asked: readonly unknown[]; readonly outcome: Outcome }> {
  const asked: unknown[] = []
  const run = async (call: Call): Promise<Outcome> => {
    const { outcome } = await readReply(client.begin(call), (request) => {
      asked.push(request.method)
      request.answer(acceptedAnswer('Ada'))
      request.answer(acceptedAnswer('Eve'))
    })
    return outcome
  }
  const outcome = await run(client.call(tool, args))
  const { inputRequests, requestState = null } =
    outcome.answer.kind === 'result' ? outcome.answer.result.value : ({} as JsonObject)
  if (!isObject(inputRequests)) return { asked, outcome }
  const inputResponses: Record<string, JsonObject> = {}
  for (const [key, request] of Object.entries(inputRequests)) {
    asked.push(isObject(request) ? request['method'] : request)
    inputResponses[key] = accepted('Ada')
  }
  const again = client.call(tool, args, { worker: outcome.worker, round: 1 }, { inputResponses, requestState })
  return { asked, outcome: await run(again) }
}
