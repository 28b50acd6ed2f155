/**
 * Session-based servers that ask clients without sessions: the call waits on its process until the client comes back
 * with the answers, however long that takes, and is never run twice.
 */
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { manualClock } from '../../src/base/clock.ts'
import { runs } from '../children/processes.ts'
import { counts } from '../support/counts.ts'
import { eventually } from '../support/eventually.ts'
import type { Answered } from '../support/http.ts'
import { type InProcess, startInProcess } from '../support/in-process.ts'
import { type Mcplex, startMcplex } from '../support/mcplex.ts'
import { type JsonMap, messagesOf, responseTo, type RpcMessage, textOf } from '../support/rpc.ts'
import { ask, type StatelessOptions } from '../support/stateless.ts'

const asks = join(import.meta.dirname, '..', 'fixtures', 'input-requests.sh')
const capabilities = { elicitation: { form: {}, url: {} } }
let ids = 0

interface Round {
  readonly response: RpcMessage
  readonly state: string
  /** The keys of the questions. */
  readonly keys: readonly string[]
  readonly text: string
}

async function round(url: string, tool: string, more: JsonMap = {}, options: StatelessOptions = {}): Promise<Round> {
  const id = ++ids
  const answered = await ask(
    url,
    'tools/call',
    { name: tool, arguments: {}, ...more },
    { capabilities, id, ...options },
  )
  return read(await responseTo(answered, id))
}

function read(response: RpcMessage): Round {
  const { result } = response
  const requests = result?.['inputRequests']
  const isAsking = result?.['resultType'] === 'input_required'
  return {
    response,
    state: isAsking ? String(result['requestState']) : '',
    keys: typeof requests === 'object' && requests !== null ? Object.keys(requests) : [],
    text: isAsking || !result ? '' : textOf(response),
  }
}

const accept = (name: string): object => ({ action: 'accept', content: { name } })
const answers = ({ state, keys }: Round, ...given: object[]): JsonMap => ({
  requestState: state,
  inputResponses: Object.fromEntries(given.map((answer, at) => [keys[at] ?? '', answer])),
})

describe('a question in mid-call', () => {
  let mcplex: Mcplex
  let url: string
  beforeAll(async () => {
    mcplex = await startMcplex({
      program: 'sh',
      server: [asks],
      options: ['--log-level', 'warn', '--stateless', 'principal'],
    })
    url = mcplex.url
  })
  afterAll(() => mcplex.end())

  test('is the answer of the request; the answers of the next one lead the call to its end', async () => {
    const first = await round(url, 'ask')
    expect(first.response.result).toMatchObject({
      resultType: 'input_required',
      inputRequests: { 'elicitation-1': { method: 'elicitation/create', params: { message: '1?' } } },
    })
    expect(JSON.stringify(first.response)).not.toContain('progressToken')
    const last = await round(url, 'ask', answers(first, accept('Ada')))
    expect(last.text).toBe('Ada')
    expect(last.response.result?.['resultType']).toBe('complete')
  })

  test('input requests that come close together go to the client in one round', async () => {
    const first = await round(url, 'two')
    expect(first.keys).toHaveLength(2)
    expect((await round(url, 'two', answers(first, accept('Ada'), accept('Bob')))).text).toBe('Ada Bob')
  })

  test('is asked again as long as its answer is missing, while others are taken', async () => {
    const first = await round(url, 'two')
    const second = await round(url, 'two', answers(first, accept('Ada')))
    expect(second.keys).toEqual([first.keys[1]])
    const third = await round(url, 'two', answers(second))
    expect(third.keys).toEqual(second.keys)
    expect((await round(url, 'two', answers(third, accept('Bob')))).text).toBe('Ada Bob')
  })

  test('may be followed by another one', async () => {
    const first = await round(url, 'twice')
    const second = await round(url, 'twice', answers(first, accept('Ada')))
    expect(second.keys).toEqual(['elicitation-2'])
    expect((await round(url, 'twice', answers(second, accept('Bob')))).text).toBe('Ada Bob')
  })

  test('that the server takes back is not asked', async () => {
    expect((await round(url, 'withdraw')).text).toBe('withdrawn')
  })

  test('for a page to be visited loses what only sessions have', async () => {
    const first = await round(url, 'pages')
    const params = { mode: 'url', message: 'Visit', url: 'https://example.com/' }
    expect(first.response.result?.['inputRequests']).toEqual({
      'elicitation-1': { method: 'elicitation/create', params },
    })
    expect((await round(url, 'pages', answers(first, { action: 'decline' }))).text).toBe('decline')
  })

  test('in the shape of an error that demands a visit becomes a question; the call is made again', async () => {
    const first = await round(url, 'visit')
    expect(first.response.result?.['inputRequests']).toEqual({
      'visit-1': {
        method: 'elicitation/create',
        params: { mode: 'url', message: 'Visit', url: 'https://example.com/' },
      },
    })
    expect((await round(url, 'visit', answers(first, { action: 'accept' }))).text).toBe('visited')
  })

  test('in the shape of such an error keeps the process for the client that was asked, and for no other', async () => {
    const first = await round(url, 'visit')
    const other = await round(url, 'visit')
    expect(
      [first, other].map(({ keys }) => keys),
      'neither finds the visit of the other',
    ).toEqual([['visit-1'], ['visit-1']])
    const visited = { action: 'accept' }
    expect((await round(url, 'visit', answers(other, visited))).text).toBe('visited')
    expect((await round(url, 'visit', answers(first, visited))).text).toBe('visited')
    // The process has ended with that call: a further request begins anew.
    expect((await round(url, 'visit', answers(first, visited))).keys).toEqual(['visit-1'])
  })

  test('is not put to a client that did not declare it: the server is told, and goes on', async () => {
    const form = { capabilities: { elicitation: { form: {} } } }
    expect((await round(url, 'pages', {}, form)).text).toBe('refused')
    expect((await round(url, 'ask', {}, { capabilities: {} })).text).toBe('refused')
  })

  test('leaves progress to whichever request is with the call, under its own token', async () => {
    const withToken = (progressToken: string): StatelessOptions => ({ meta: { progressToken } })
    const id = ++ids
    const call = { name: 'steps', arguments: {} }
    const begun = await ask(url, 'tools/call', call, { capabilities, id, ...withToken('one') })
    const first = read(await responseTo(begun, id))
    expect(progressIn(begun)).toEqual(['one 1'])
    const goesOn = await ask(
      url,
      'tools/call',
      { ...call, ...answers(first, accept('Ada')) },
      { capabilities, id, ...withToken('two') },
    )
    expect(textOf(await responseTo(goesOn, id))).toBe('Ada')
    expect(progressIn(goesOn)).toEqual(['two 2'])
  })

  describe('whose answer', () => {
    test('comes twice at once is taken once', async () => {
      const first = await round(url, 'ask')
      const both = await Promise.all(['Ada', 'Bob'].map((name) => round(url, 'ask', answers(first, accept(name)))))
      const texts = both.map(({ text }) => text).filter((text) => text !== '')
      expect(texts).toHaveLength(1)
      const reasons = both.flatMap(({ response }) => response.error?.data?.['reason'] ?? [])
      expect(reasons).toHaveLength(1)
      expect(['input_already_provided', 'suspended_call_gone']).toContain(reasons[0])
    })

    test('comes once more after the end is refused: nothing runs again', async () => {
      const first = await round(url, 'ask')
      await round(url, 'ask', answers(first, accept('Ada')))
      const { response } = await round(url, 'ask', answers(first, accept('Ada')))
      expect(response.error?.data).toMatchObject({ reason: 'suspended_call_gone' })
    })

    test('is of an earlier round is refused, and the round that is open stays open', async () => {
      const first = await round(url, 'twice')
      const second = await round(url, 'twice', answers(first, accept('Ada')))
      const late = await round(url, 'twice', answers(first, accept('Eve')))
      expect(late.response.error?.data).toMatchObject({ reason: 'input_already_provided' })
      expect((await round(url, 'twice', answers(second, accept('Bob')))).text).toBe('Ada Bob')
    })

    test('is for another call, or forged, is refused', async () => {
      const first = await round(url, 'ask')
      const forged = { ...first, state: `${first.state.slice(0, -4)}AAAA` }
      for (const { response } of [
        await round(url, 'two', answers(first, accept('Eve'))),
        await round(url, 'ask', { ...answers(first, accept('Eve')), arguments: { other: 1 } }),
        await round(url, 'ask', answers(forged, accept('Eve'))),
      ]) {
        expect(response.error).toMatchObject({ code: -32602, data: { reason: 'invalid_params' } })
      }
      expect((await round(url, 'ask', answers(first, accept('Ada')))).text).toBe('Ada')
    })

    test('is no answer to that question is refused, and may be given again', async () => {
      const first = await round(url, 'ask')
      const { response } = await round(url, 'ask', answers(first, { roots: [] }))
      expect(response.error).toMatchObject({ code: -32602 })
      expect((await round(url, 'ask', answers(first, accept('Ada')))).text).toBe('Ada')
    })

    test('comes without the state begins a new call', async () => {
      const { inputResponses } = answers({ ...(await round(url, 'ask')), keys: ['elicitation-1'] }, accept('Ada'))
      expect((await round(url, 'ask', { inputResponses })).keys).toEqual(['elicitation-1'])
    })
  })

  test('does not keep other calls of the client waiting', async () => {
    const first = await round(url, 'ask')
    const others = await Promise.all([1, 2, 3].map(() => round(url, 'withdraw')))
    expect(others.map(({ text }) => text)).toEqual(['withdrawn', 'withdrawn', 'withdrawn'])
    expect((await round(url, 'ask', answers(first, accept('Ada')))).text).toBe('Ada')
  })

  test('dies with its process, and the client is told', async () => {
    const before = new Set(mcplex.servers())
    const abandoned = (await counts(mcplex))['suspendedCalls']
    // Others may wait on theirs: a new process is started for this one.
    const waiting = await Promise.all([1, 2, 3, 4, 5, 6].map(() => round(url, 'ask')))
    const started = mcplex.servers().filter((pid) => !before.has(pid))
    expect(started.length).toBeGreaterThan(0)
    for (const pid of mcplex.servers()) process.kill(pid, 'SIGKILL')
    for (const one of waiting) {
      const { response } = await round(url, 'ask', answers(one, accept('Ada')))
      expect(response.error?.data).toMatchObject({ reason: 'upstream_closed' })
    }
    expect((await counts(mcplex))['suspendedCalls']).toBe(abandoned)
  })
})

function progressIn(answered: Answered): string[] {
  return messagesOf(answered).flatMap(({ method, params }) =>
    method === 'notifications/progress' ? [[params?.['progressToken'], params?.['progress']].join(' ')] : [],
  )
}

describe('a person', () => {
  const clock = manualClock(Date.now())
  let gateway: InProcess | undefined
  let ticking: NodeJS.Timeout | undefined
  afterEach(async () => {
    await gateway?.end()
    clearInterval(ticking)
  })

  /** Time goes on by itself, and by leaps. */
  const start = async (): Promise<InProcess> => {
    ticking = setInterval(() => clock.advance(20), 20)
    gateway = await startInProcess([asks], { upstream: { command: 'sh', stateless: 'principal' } }, { clock })
    return gateway
  }
  /** By steps that are small enough for what happens regularly. */
  const pass = async (minutes: number): Promise<void> => {
    for (let seconds = 0; seconds < minutes * 60; seconds += 5) {
      clock.advance(5000)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  test('may take five minutes to answer, and the server gets signs of life meanwhile', async () => {
    const { url } = await start()
    const first = await round(url, 'ask')
    await pass(5)
    const last = await round(url, 'ask', answers(first, { action: 'decline' }))
    expect(last.text).toMatch(/^decline after [0-9]+ signs of life$/)
  })

  test('a client that does not answer for more than ten minutes finds the call ended', async () => {
    const { url, counts: figures } = await start()
    const first = await round(url, 'ask')
    expect((await figures())['suspendedCalls']).toBe(1)
    await pass(10.5)
    expect((await figures())['suspendedCalls']).toBe(0)
    const { response } = await round(url, 'ask', answers(first, accept('Ada')))
    expect(response.error?.data).toMatchObject({ reason: 'suspended_call_gone' })
  })
})

test('a process that is kept for a client after an error gives way when others find none', async () => {
  const upstream = { command: 'sh', pool: 1, evictIdleMs: 300, stateless: 'principal' } as const
  const { url, counts: figures, end } = await startInProcess([asks], { upstream })
  try {
    const first = await round(url, 'visit')
    expect(first.keys).toEqual(['visit-1'])
    expect((await round(url, 'withdraw')).text).toBe('withdrawn')
    expect((await round(url, 'visit', answers(first, { action: 'accept' }))).keys, 'it is gone').toEqual(['visit-1'])
    expect((await figures())['waitingCalls']).toBe(0)
  } finally {
    await end()
  }
})

describe('many', () => {
  let mcplex: Mcplex | undefined
  afterEach(() => mcplex?.end())

  test('a thousand suspended calls each get their own answer', async () => {
    const many = 1000
    mcplex = await startMcplex({
      program: 'sh',
      server: [asks],
      options: [
        ...['--log-level', 'warn', '--stateless', 'principal', '--pool', `${many + 50}`],
        ...['--queue', '2000', '--queue-wait', '2m'],
      ],
    })
    const { url } = mcplex
    const first: Round[] = []
    // In groups, or the last would wait for the starts of all the others.
    while (first.length < many) first.push(...(await Promise.all(Array.from({ length: 50 }, () => round(url, 'ask')))))
    expect((await counts(mcplex))['suspendedCalls']).toBe(many)
    const last = await Promise.all(first.map((one, at) => round(url, 'ask', answers(one, accept(`name ${at}`)))))
    expect(last.map(({ text }) => text)).toEqual(first.map((_, at) => `name ${at}`))
    await eventually('nothing waits', async () => (await counts(mcplex as Mcplex))['suspendedCalls'] === 0)
  })

  test('a shutdown does not wait for suspended calls, and leaves no process', async () => {
    mcplex = await startMcplex({
      program: 'sh',
      server: [asks],
      options: ['--log-level', 'warn', '--stateless', 'principal'],
    })
    await Promise.all([1, 2, 3].map(() => round((mcplex as Mcplex).url, 'ask')))
    const pids = mcplex.servers()
    expect(pids.length).toBeGreaterThanOrEqual(3)
    expect(await mcplex.end()).toEqual({ code: 0, signal: null })
    expect(pids.filter((pid) => runs(pid))).toEqual([])
  })
})
