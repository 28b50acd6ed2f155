/** `explain` and the gateway say the same of every call: by the settings alone, while it runs, and when it is made. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fillSettings } from '../../src/config/assemble.ts'
import { thisMachine } from '../../src/config/load.ts'
import type { PartialSettings } from '../../src/config/settings.ts'
import { type AskedCall, askedRequest, usualMethod } from '../../src/gateway/explanation/asked-call.ts'
import { explainBySettings } from '../../src/gateway/explanation/explain-settings.ts'
import type { Explanation } from '../../src/gateway/explanation/explanation.ts'
import { eventually } from '../support/eventually.ts'
import { upstreamsOf } from '../support/in-process.ts'
import { echoModern } from '../support/mcplex.ts'
import { messagesOf, reasonOf } from '../support/rpc.ts'
import { ask } from '../support/stateless.ts'
import { type ForTenants, startForTenants } from './two-tenants.ts'

const settings: PartialSettings = {
  upstreams: upstreamsOf({
    one: { args: [echoModern], stateless: 'shared', boundArgs: { token: 'x' } },
    two: { args: [echoModern], stateless: 'shared' },
  }),
  endpoints: { view: { tools: ['one__*', '!one__env'] } },
  aliases: { say: 'one__echo' },
  tenants: {
    all: { upstreams: ['*'] },
    some: {
      upstreams: ['one'],
      tools: ['one__*', '!one__env'],
      prompts: ['!*'],
      resources: ['*', '!echo://nonce'],
    },
    toolsOnly: { tools: ['two__echo'] },
    elsewhere: { upstreams: ['*'], endpoints: ['view', '/mcp/two'] },
    nothing: {},
    limited: { upstreams: ['*'], toolRates: ['say=1/h'], costs: ['one__echo=3'], upstreamRates: ['two=5/h'] },
    full: { upstreams: ['*'], maxCalls: 0 },
    own: { upstreams: ['*'], args: { two: { text: 'of own' } } },
  },
}

const whole = fillSettings(settings, thisMachine())
let served: ForTenants

beforeAll(async () => {
  served = await startForTenants(settings, afterAll)
  await eventually('both servers have started', async () =>
    (await ask(served.url('all'), 'tools/list').then((one) => one.whole())).includes('two__echo'),
  )
})

type Wanted = Partial<AskedCall> & Pick<AskedCall, 'tenant' | 'names'>

function askedOf({ endpoint = '', names, ...one }: Wanted): AskedCall {
  const method = one.method ?? usualMethod(names) ?? ''
  return { subject: 'same', issuer: undefined, scopes: undefined, ...one, endpoint, names, method }
}

/** The word of the refusal when the call is made; undefined if it runs. */
async function made({ tenant, endpoint, ...asked }: AskedCall): Promise<unknown> {
  const { method, params } = askedRequest(asked)
  const answered = await ask(served.url(tenant, endpoint === '' ? undefined : endpoint), method, params?.value ?? {}, {
    id: 1,
  })
  await answered.whole()
  // What has no message to answer is refused in text, with the word first.
  const [, word] = /^([a-z_]+): /.exec(answered.text) ?? []
  if (word !== undefined) return word
  const [message] = messagesOf(answered)
  return message && reasonOf(message)
}

const tools = ['one__echo', 'say', 'one__env', 'two__echo', 'two__env', 'three__x', 'echo']

test.each(['all', 'some', 'toolsOnly', 'elsewhere', 'nothing', 'full', 'strange'])(
  'tools, prompts and resources of the tenant %s',
  async (tenant) => {
    const names = [
      ...tools.map((tool) => ({ tool })),
      { prompt: 'one__greet' },
      { prompt: 'greet' },
      { resource: 'mcplex://one/echo://nonce' },
      { resource: 'mcplex://one/echo://non%63e' },
      { resource: 'mcplex://two/echo://calls' },
      { resource: 'echo://calls' },
    ]
    for (const endpoint of ['', 'one', 'two', 'view', 'nowhere'])
      for (const one of names) {
        const asked = askedOf({ tenant, endpoint, names: one })
        const now = served.gateway.overview.explain(asked)
        const where = [tenant, endpoint, one]
        expect([where, now.refusal]).toEqual([where, await made(asked)])
        // A file does not know what servers list; what it refuses is refused.
        const byFile = explainBySettings(asked, whole)
        expect([where, byFile.refusal]).toEqual([where, byFile.runs ? undefined : now.refusal])
      }
  },
)

test('each step names the value that decides', () => {
  const by = (tenant: string, tool: string, endpoint = ''): unknown =>
    lastOf(explainBySettings(askedOf({ tenant, endpoint, names: { tool } }), whole))
  expect(by('some', 'one__env')).toMatchObject({
    step: 'name',
    says: expect.stringContaining('hides the tool env of one') as string,
    by: { option: 'tenants.some.tools', text: '!one__env' },
  })
  expect(by('all', 'one__env', 'view')).toMatchObject({ by: { option: 'endpoints.view.tools', text: '!one__env' } })
  expect(by('elsewhere', 'one__echo')).toMatchObject({
    step: 'endpoint',
    says: expect.stringContaining('it may use /mcp/two, /mcp/view') as string,
    by: { option: 'tenants.elsewhere.endpoints' },
  })
  expect(by('some', 'two__echo')).toMatchObject({
    step: 'server',
    says: expect.stringContaining('the tenant may not use two') as string,
    by: { option: 'tenants.some.upstreams' },
  })
  expect(by('toolsOnly', 'one__echo')).toMatchObject({ step: 'server', by: { option: 'tenants.toolsOnly.tools' } })
  expect(by('toolsOnly', 'two__ecko')).toMatchObject({ says: expect.stringContaining('did you mean echo?') as string })
  expect(by('all', 'onne__echo')).toMatchObject({ says: expect.stringContaining('did you mean one__echo?') as string })
  expect(by('smoe', 'one__echo')).toMatchObject({ step: 'tenant', says: expect.stringContaining('some?') as string })
  expect(by('all', 'echo', 'vieww')).toMatchObject({
    step: 'endpoint',
    says: expect.stringContaining('view?') as string,
  })
  expect(by('all', 'one__echo')).toMatchObject({ step: 'arguments', by: { option: 'upstreams.one.boundArgs' } })
})

function lastOf({ steps }: Explanation): unknown {
  return steps.find(({ passes }) => !passes) ?? steps.at(-1)
}

test('names that servers do not list are told with what is meant, while it runs', () => {
  const { steps } = served.gateway.overview.explain(askedOf({ tenant: 'all', names: { tool: 'two__eccho' } }))
  expect(steps.at(-1)).toMatchObject({
    step: 'listed',
    refusal: 'invalid_params',
    says: expect.stringContaining('did you mean two__echo?') as string,
  })
})

test('limits are told with what a call costs and what is left, and nothing is taken', async () => {
  const asked = askedOf({ tenant: 'limited', names: { tool: 'two__echo' } })
  const limits = (one: AskedCall): unknown[] =>
    served.gateway.overview
      .explain(one)
      .steps.filter(({ step }) => step === 'limit')
      .map(({ cost, left, passes, by }) => ({ cost, left, passes, by }))
  const by = { option: 'tenants.limited.upstreamRates', text: 'two' }
  for (let times = 0; times < 3; times++) expect(limits(asked)).toEqual([{ cost: 1, left: 5, passes: true, by }])
  const alias = askedOf({ tenant: 'limited', names: { tool: 'one__echo' } })
  const ofTool = { option: 'tenants.limited.toolRates', text: 'say' }
  // It costs 3, of which the limit never has more than 1.
  expect(limits(alias)).toEqual([{ cost: 1, left: 1, passes: true, by: ofTool }])
  expect(await made(alias)).toBeUndefined()
  expect(limits(alias)).toEqual([{ cost: 1, left: 0, passes: false, by: ofTool }])
  expect(served.gateway.overview.explain(alias).refusal).toBe('rate_limited')
  expect(await made(alias)).toBe('rate_limited')
})

test('what stands in front of a server is told: a pause waits, and the rest refuses', async () => {
  const asked = askedOf({ tenant: 'all', names: { tool: 'two__echo' } })
  const { overview, operations } = served.gateway
  const two = operations('two')
  two?.pause(60_000)
  expect(overview.explain(asked)).toMatchObject({ runs: true, waits: true })
  two?.resume()
  two?.disable()
  expect([overview.explain(asked).refusal, await made(asked)]).toEqual(['upstream_disabled', 'upstream_disabled'])
  two?.enable()
  two?.breaker('open')
  expect([overview.explain(asked).refusal, await made(asked)]).toEqual(['breaker_open', 'breaker_open'])
  two?.breaker('auto')
  expect(overview.explain(asked)).toMatchObject({ runs: true, waits: false, upstream: 'two' })
})

test('a tenant with arguments of its own at a server is told what becomes of its calls there, not of those of others', async () => {
  const asked = askedOf({ tenant: 'own', names: { tool: 'two__echo' } })
  const { overview, operations } = served.gateway
  const saysOf = (step: string): unknown =>
    overview.explain(asked).steps.flatMap((one) => (one.step === step ? [[one.says, one.by?.option]] : []))
  expect(saysOf('control')).toEqual([[expect.stringContaining('two@own is started with its first call'), undefined]])
  expect(saysOf('arguments')).toEqual([[expect.stringContaining('arguments text'), 'tenants.own.args.two']])
  expect(explainBySettings(asked, whole).steps.at(-1)).toMatchObject({ by: { option: 'tenants.own.args.two' } })
  expect(operations('two@own')).toBeUndefined()
  operations('two')?.disable()
  expect([overview.explain(asked).refusal, await made(asked)]).toEqual(['upstream_disabled', 'upstream_disabled'])
  operations('two')?.enable()
  expect(await made(asked)).toBeUndefined()
  operations('two@own')?.breaker('open')
  expect([overview.explain(asked).refusal, await made(asked)]).toEqual(['breaker_open', 'breaker_open'])
  expect(overview.explain({ ...asked, tenant: 'all' }).refusal).toBeUndefined()
  operations('two@own')?.breaker('auto')
})

test('methods that name nothing', async () => {
  const refusalOf = async (tenant: string, method: string): Promise<unknown> => {
    const asked = askedOf({ tenant, method, names: {} })
    const { refusal } = served.gateway.overview.explain(asked)
    expect([tenant, method, refusal]).toEqual([tenant, method, await made(asked)])
    return refusal
  }
  expect(await refusalOf('all', 'tools/list')).toBeUndefined()
  expect(await refusalOf('toolsOnly', 'x/extension')).toBe('method_not_found')
  expect(await refusalOf('all', 'tools/call')).toBe('invalid_params')
})
