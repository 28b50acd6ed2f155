/** Calls of several rounds while another server takes the place of theirs: they go on where they began, or say why not. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runs } from '../children/processes.ts'
import { allReady } from '../support/all-ready.ts'
import { type InProcess, startSeveral, upstreamsOf } from '../support/in-process.ts'
import { eventually } from '../support/eventually.ts'
import { type JsonMap, reasonOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import {
  accepted,
  answer,
  asksInRounds,
  everyCapability,
  questionOn,
  type Told,
  who,
} from '../support/scripted-session.ts'
import { openSession } from '../support/session.ts'
import { ask } from '../support/stateless.ts'

type Servers = Parameters<typeof upstreamsOf>[0]

const suspends = [join(import.meta.dirname, '..', 'attacks', 'scripted-input-requests.mjs')]

/** Two servers of a kind, of which clients without sessions may call the first. */
const two = (server: readonly string[], env: Readonly<Record<string, string>> = {}, more: object = {}): Servers => ({
  a: { args: server, stateless: 'principal', env, ...more },
  b: { args: server, stateless: 'principal', ...more },
})
const start = (server: readonly string[], more: object = {}): Promise<InProcess> => startSeveral(two(server, {}, more))
const replaceFirst = async ({ gateway }: InProcess, server: readonly string[]): Promise<void> => {
  expect(await gateway.reload({ upstreams: upstreamsOf(two(server, { OTHER: '1' })) })).toMatchObject({
    changed: ['a'],
  })
}
const pathOf = (url: string, prefix: string): string => (prefix === '' ? `${url}/a` : url)

let ids = 0
/** One request of a client without a session. */
async function round(url: string, name: string, args: JsonMap, more: JsonMap = {}): Promise<RpcMessage> {
  const id = ++ids
  const capabilities = { elicitation: { form: {} } }
  const answered = await ask(url, 'tools/call', { name, arguments: args, ...more }, { id, capabilities })
  return responseTo(answered, id)
}

/** The answers to what a round has asked. */
function answersTo({ result }: RpcMessage): JsonMap {
  const keys = Object.keys(result?.['inputRequests'] as JsonMap)
  return {
    requestState: result?.['requestState'],
    inputResponses: Object.fromEntries(keys.map((key) => [key, accepted])),
  }
}

test.each([['a__'], ['']])('a suspended call goes on at its process (prefix: %j)', async (prefix) => {
  const one = await start(suspends)
  const at = pathOf(one.url, prefix)
  await eventually('the stateless era is offered', async () => (await round(at, `${prefix}run`, { steps: [] })).result)
  const steps = { steps: [{ ask: 'q' }, { until: 'q' }] }
  const first = await round(at, `${prefix}run`, steps)
  await replaceFirst(one, suspends)
  const fresh = JSON.parse(textOf(await round(at, `${prefix}run`, { steps: [] }))) as Told
  const last = JSON.parse(textOf(await round(at, `${prefix}run`, steps, answersTo(first)))) as Told
  expect(last.answers).toEqual({ q: accepted })
  expect(last.pid).not.toBe(fresh.pid)
})

test.each([['a__'], ['']])('a call of a session goes on at the server that asked (prefix: %j)', async (prefix) => {
  const one = await start(asksInRounds)
  const session = await openSession(pathOf(one.url, prefix), { capabilities: everyCapability })
  const follow = async (
    steps: readonly JsonMap[],
  ): Promise<{ readonly id: number; readonly call: Awaited<ReturnType<typeof session.call>> }> => {
    const id = session.nextId()
    return { id, call: await session.call(`${prefix}follow`, { steps }, { id }) }
  }
  const pidOf = async ({ id, call }: Awaited<ReturnType<typeof follow>>): Promise<number> =>
    (JSON.parse(textOf(await responseTo(call, id))) as Told).pid
  const before = await pidOf(await follow([]))
  const running = await follow([{ ask: { mine: who } }])
  const question = await questionOn(running.call)
  await replaceFirst(one, asksInRounds)
  expect(await pidOf(await follow([]))).not.toBe(before)
  await answer(session, question, accepted)
  expect(await pidOf(running)).toBe(before)
})

test.each([['a__'], ['']])(
  'a state of a server that has ended is given to no other one (prefix: %j)',
  async (prefix) => {
    const one = await start(asksInRounds)
    const at = pathOf(one.url, prefix)
    await eventually(
      'the stateless era is offered',
      async () => (await round(at, `${prefix}follow`, { steps: [] })).result,
    )
    const { pid } = JSON.parse(textOf(await round(at, `${prefix}follow`, { steps: [] }))) as Told
    const steps = { steps: [{ ask: { mine: who } }] }
    const first = await round(at, `${prefix}follow`, steps)
    await replaceFirst(one, asksInRounds)
    await eventually('the old one has ended', () => !runs(pid))
    const last = await round(at, `${prefix}follow`, steps, answersTo(first))
    expect(reasonOf(last)).toBe('suspended_call_gone')
    expect(last.error?.message).toContain('Make the call again without requestState')
    // It can be made again, at the new one.
    expect((await round(at, `${prefix}follow`, steps)).result?.['inputRequests']).toBeDefined()
  },
)

const asking: Servers[string] = { args: asksInRounds, stateless: 'principal' }

/** The servers before and after a reload that removes the first one, and the name of its tool before. */
const removals: ReadonlyArray<readonly [string, { before: Servers; after: Servers; tool: string }]> = [
  [
    'two others stay',
    { before: { a: asking, b: asking, c: asking }, after: { b: asking, c: asking }, tool: 'a__follow' },
  ],
  ['another one is alone', { before: { a: asking, b: asking }, after: { b: asking }, tool: 'a__follow' }],
  ['another one has a tool of that name', { before: { a: asking }, after: { b: asking }, tool: 'follow' }],
]

const goesOn: unknown = expect.stringContaining(`"answers":[${JSON.stringify({ mine: accepted })}]`)
const removed = {
  error: {
    message: expect.stringMatching(
      /was removed meanwhile\. Make the call again, if a server still has it: it may have run in part\.$/,
    ) as unknown,
    data: { reason: 'suspended_call_gone' },
  },
}

async function startAll(servers: Servers): Promise<InProcess> {
  const one = await startSeveral(servers)
  await allReady(one.url)
  return one
}

test.each(removals)(
  'a call of a session whose server was removed goes on there, or says so: %s',
  async (how, given) => {
    const one = await startAll(given.before)
    const session = await openSession(one.url, { capabilities: everyCapability })
    const id = session.nextId()
    const call = await session.call(given.tool, { steps: [{ ask: { mine: who } }] }, { id })
    const question = await questionOn(call)
    await one.gateway.reload({ upstreams: upstreamsOf(given.after) })
    await answer(session, question, accepted)
    const last = await responseTo(call, id)
    // A merged endpoint takes other members; else the endpoint is made anew, and the call goes on at the old one.
    expect(last).toMatchObject(how === 'two others stay' ? removed : { result: { content: [{ text: goesOn }] } })
  },
)

test.each(removals)('a call without a session whose server was removed says so: %s', async (_how, given) => {
  const { url, gateway } = await startAll(given.before)
  await eventually('the stateless era is offered', async () => (await round(url, given.tool, { steps: [] })).result)
  const steps = { steps: [{ ask: { mine: who } }] }
  const first = await round(url, given.tool, steps)
  await gateway.reload({ upstreams: upstreamsOf(given.after) })
  expect(await round(url, given.tool, steps, answersTo(first))).toMatchObject(removed)
})

test('at capacity of one server, the calls that others have suspended go on', async () => {
  const limits = { sessions: { evictIdleMs: 100 } }
  const servers = two(suspends, {}, { pool: 1, stateless: 'principal' })
  const { url } = await startSeveral(servers, limits)
  await eventually('the stateless era is offered', async () => (await round(url, 'a__run', { steps: [] })).result)
  const steps = { steps: [{ ask: 'q' }, { until: 'q' }] }
  const [first, other] = [await round(url, 'a__run', steps), await round(url, 'b__run', steps)]
  // The only worker of b is taken by a call that waits for its client: it makes way for the next call there.
  const busy = await round(url, 'b__run', { steps: [] })
  expect(busy.result).toBeDefined()
  expect(reasonOf(await round(url, 'b__run', steps, answersTo(other)))).toBe('suspended_call_gone')
  expect((await round(url, 'a__run', steps, answersTo(first))).result).toBeDefined()
})
