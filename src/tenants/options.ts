/** The settings of a tenant: what its callers may use, with what, and how fast. */
import type { JsonObject } from '../base/json.ts'
import type { OptionTable, Shape } from '../base/option.ts'
import { readPair, readQuota, readRate } from './rate-text.ts'

/** Something for each of some upstreams, by name. */
export type OfUpstreams<Value> = Readonly<Record<string, Value>>

export interface TenantSettings {
  /** Patterns of the names of upstreams of which the tenant may use everything, unless another list narrows it down. */
  readonly upstreams: readonly string[]
  /** Patterns of the names or paths of endpoints. */
  readonly endpoints: readonly string[]
  /** Patterns of the names of tools, prompts, and URIs of resources, as `/mcp` shows them. */
  readonly tools: readonly string[]
  readonly prompts: readonly string[]
  readonly resources: readonly string[]
  /** Variables for its own workers of an upstream, by the name of that; undefined: none. Never those of another tenant. */
  readonly env: OfUpstreams<Readonly<Record<string, string>>> | undefined
  /** Arguments that its calls of tools get, by the name of the upstream, in place of what clients say; undefined: none. */
  readonly args: OfUpstreams<JsonObject> | undefined
  /** Clients at once: sessions, and exchanges of clients without a session. */
  readonly maxConnections: number
  /** Calls in flight. */
  readonly maxCalls: number
  /** Workers of all upstreams that serve it alone; 0 for as many as their pools have. */
  readonly maxWorkers: number
  /** Clients and calls in line at once; 0 for as many as the lines have room for. */
  readonly maxWaiting: number
  /** The tenant whose limits hold for this one as well, counted together; empty for its own. */
  readonly limitsOf: string
  /** Its share of places that become free, against other tenants that wait. */
  readonly weight: number
  /** How many operations the tenant may begin: `1000/min, burst 200`; empty for any number. */
  readonly rate: string
  /** The burst of `rate` if that has none; 0 for as many as its points. */
  readonly burst: number
  /** The same for each subject of the tenant. */
  readonly subjectRate: string
  /** Rates for tools, as `pattern=rate`, and for upstreams, as `name=rate`. */
  readonly toolRates: readonly string[]
  readonly upstreamRates: readonly string[]
  /** What operations cost that cost more or less than 1, as `name=cost`: of a tool, or of a method. */
  readonly costs: readonly string[]
  /** How many operations in a day or month: `100000/day`. */
  readonly quota: readonly string[]
  /** Whether limits are only counted and logged. */
  readonly dryRun: boolean
  /** Which lines of its sessions and calls the log has; the metrics count all. */
  readonly logCalls: 'all' | 'failed' | 'off'
  /** Whether they have the names of tools, prompts and clients. */
  readonly logNames: boolean
  /** Whether they have the subject of a call: a user, or the holder of a key. */
  readonly logSubject: 'no' | 'hashed' | 'plain'
}

const names: Shape = {
  accepted: 'names or patterns, such as github__* or !github__delete_*',
  test: (text) => /^!?[A-Za-z0-9_.\-/*]{1,128}$/.test(text),
}

const uris: Shape = {
  accepted: 'URIs or patterns of them, such as mcplex://files/file:///notes/*',
  test: (text) => /^!?[!-~]{1,2048}$/.test(text),
}

const rate: Shape = {
  accepted: '1000/min, 5/s, 100/10s, with a burst: 1000/min, burst 200; or points and duration (in seconds)',
  test: (text) => text === '' || readRate(text) !== undefined,
}

const ratesOf = (what: string): Shape => ({
  accepted: `rates by ${what}, such as ${what === 'tool' ? 'github__search_*: 10/min' : 'github: 50/min, burst 10'}`,
  test(text) {
    const [name = '', value = ''] = readPair(text) ?? []
    return names.test(name) && !name.startsWith('!') && readRate(value) !== undefined
  },
})

const costs: Shape = {
  accepted: 'whole numbers from 0 to 1000 by tool or method, such as github__search_*: 5 or tools/list: 0',
  test(text) {
    const [name = '', value = ''] = readPair(text) ?? []
    return names.test(name) && !name.startsWith('!') && /^\d{1,4}$/.test(value) && Number(value) <= 1000
  },
}

const onlyIfGiven = 'Nothing is allowed to a tenant that the file does not allow.'

export const tenantOptions: OptionTable<TenantSettings> = {
  upstreams: {
    kind: 'list',
    about:
      'The servers that the tenant may use, by name: all of their tools, prompts and resources, unless one of the other lists narrows them down. `*` stands for any characters; a pattern that begins with `!` takes away again.',
    default: [],
    shape: names,
    why: onlyIfGiven,
  },
  tools: {
    kind: 'list',
    about:
      'The tools that the tenant sees and may call, by their names on /mcp. Without `upstreams`, they are all that the tenant may use.',
    default: [],
    shape: names,
    why: 'Without patterns, all tools of the servers in `upstreams`.',
  },
  prompts: {
    kind: 'list',
    about: 'The prompts that the tenant sees and may get, by their names on /mcp.',
    default: [],
    shape: names,
    why: 'Without patterns, all prompts of the servers in `upstreams`.',
  },
  resources: {
    kind: 'list',
    about:
      'The resources that the tenant sees and may read, by their URIs on /mcp, and templates of URIs by their text. Each spelling of a URI, encoded or not, must be allowed.',
    default: [],
    shape: uris,
    why: 'Without patterns, all resources of the servers in `upstreams`.',
  },
  endpoints: {
    kind: 'list',
    about:
      'The endpoints that the tenant may use, by name or path: `support`, `/mcp/*`; `/mcp` is that of all servers.',
    default: [],
    shape: names,
    why: 'Without patterns, every endpoint at which the tenant may use something.',
  },
  env: {
    kind: 'given',
    about:
      'Variables for servers, by the name of the server: `env: { github: { GITHUB_TOKEN: "${ACME_TOKEN}" } }`. They win over those of the server itself. The tenant then has processes of its own there, which work for no other one.',
    default: { derived: 'none' },
    why: 'A server has the same variables for all tenants until you say otherwise.',
  },
  args: {
    kind: 'given',
    about:
      'Arguments of the tools of servers, by the name of the server, that you decide: `args: { github: { org_id: acme } }`. Those of the server itself (`boundArgs`) win. As with them, clients neither see such an argument nor can give another value. The tenant then has processes of its own there.',
    default: { derived: 'none' },
    why: 'What a tenant may choose is up to you.',
  },
  maxConnections: {
    kind: 'count',
    about:
      'Clients of the tenant at once: sessions, and requests in flight of clients without a session. Clients that wait because `limits.maxConnections` is reached count as well. Further ones are refused with `tenant_at_capacity`, 429.',
    default: 1000,
    min: 0,
    max: 1_000_000,
    why: 'As many as `limits.maxConnections` allows all tenants together by default: set it lower where several tenants share an instance.',
  },
  maxCalls: {
    kind: 'count',
    about: 'Calls of the tenant in flight, at all servers. Further ones are refused with `tenant_at_capacity`, 429.',
    default: 256,
    min: 0,
    max: 1_000_000,
    why: 'It is enough for four sessions with as many calls as a session may have. Raise it for a tenant that needs more.',
  },
  maxWorkers: {
    kind: 'count',
    about:
      'Workers that may serve the tenant at once, of all servers together: processes, or server objects of modules; 0: as many as their pools have. Beyond it calls of the tenant wait, as for a full pool, and get `tenant_at_capacity` after `limits.queue.maxWait`; an idle worker of the tenant gives way. Workers that serve all tenants (mode `shared`), answer for lists or are started ahead do not count.',
    default: 0,
    min: 0,
    max: 1_000_000,
    why: 'What a worker takes depends on the server. Set it where tenants share an instance, so that one cannot have all processes.',
  },
  maxWaiting: {
    kind: 'count',
    about:
      'Clients and calls of the tenant that may wait at once, in all lines together: for a place, for a turn at a server, or for a worker; 0: as many as the lines have room for (`limits.queue.max` each). Further ones are refused with `tenant_at_capacity`, 429, at once.',
    default: 0,
    min: 0,
    max: 1_000_000,
    why: 'Turns are fair between tenants already. Set it so that a tenant cannot fill a line, which refuses those of others when it is full.',
  },
  limitsOf: {
    kind: 'text',
    about:
      'Another tenant of the file, whose limits hold for this one in place of its own: bounds, rates and quotas. All tenants that name it count together, and with itself. It may be a name that no caller has. `weight` and what a tenant may use stay its own; a value of `default` is for tenants without a name.',
    default: '',
    shape: { accepted: 'the name of a tenant', test: (text) => text === '' || /^[A-Za-z0-9_.@:-]{1,128}$/.test(text) },
    why: 'Each tenant has limits of its own.',
  },
  weight: {
    kind: 'count',
    about:
      'The share of the tenant where clients wait for a place and calls for a server or a process: a tenant with weight 4 gets four turns while one with weight 1 gets one.',
    default: 1,
    min: 1,
    max: 1000,
    why: 'Tenants are equal unless they pay for more.',
  },
  rate: {
    kind: 'text',
    pairs: true,
    about:
      'How many operations the callers of the tenant may begin together: each request of a client but `ping` is one, whatever the number of HTTP requests. Further ones are refused with `rate_limited`, 429 and the time to the next one.',
    default: '',
    shape: rate,
    why: 'How much is too much depends on the servers. `dryRun` shows what a rate would refuse.',
  },
  burst: {
    kind: 'count',
    about: 'How many operations may come at once after a rest, if `rate` does not say it; 0 for as many as its points.',
    default: 0,
    min: 0,
    max: 1_000_000_000,
    why: 'Without a burst, all operations of a rate may come at once: 120/min allows 120, then two a second.',
  },
  subjectRate: {
    kind: 'text',
    pairs: true,
    about: 'How many operations each subject of the tenant may begin: the user, or the holder of a key.',
    default: '',
    shape: rate,
    why: 'One user cannot use up what the tenant has.',
  },
  toolRates: {
    kind: 'list',
    pairs: true,
    about:
      'How many calls of tools the tenant may begin, by patterns of their names on /mcp. All tools of one pattern share its rate; a tool of several patterns needs a token of each.',
    default: [],
    shape: ratesOf('tool'),
    why: 'Few tools are so expensive that they need a limit of their own.',
  },
  upstreamRates: {
    kind: 'list',
    pairs: true,
    about: 'How many operations the tenant may begin at each server, by its name.',
    default: [],
    shape: ratesOf('server'),
    why: 'A server in front of an API with a limit for each customer needs one.',
  },
  costs: {
    kind: 'list',
    pairs: true,
    about:
      'What an operation costs of all rates and quotas, by patterns of tools or by methods; the first that matches counts, and others cost 1. A cost above a burst counts as the burst.',
    default: [],
    shape: costs,
    why: 'Operations differ, but few of them so much that they must be told apart.',
  },
  quota: {
    kind: 'list',
    about:
      'How many operations the tenant may begin in each day or month of UTC. It is counted in memory: a restart begins anew.',
    default: [],
    shape: { accepted: '100000/day or 1000000/month', test: (text) => readQuota(text) !== undefined },
    why: 'A quota is part of a contract with a customer.',
  },
  dryRun: {
    kind: 'switch',
    about:
      'Refuses nothing by rates and quotas of the tenant: what would be refused is counted (`would_refuse`) and logged.',
    default: false,
    why: 'A limit is enforced unless you say that you only try it out.',
  },
  logCalls: {
    kind: 'choice',
    member: 'log.calls',
    about:
      'Which sessions and calls of the tenant have lines in the log: `all`, `failed` (calls that failed, and refusals), or `off`. The metrics count all of them, and `mcplex errors` has all errors.',
    choices: ['all', 'failed', 'off'],
    default: 'all',
    why: 'A line for each call shows what happens. A contract with a customer may ask for fewer.',
  },
  logNames: {
    kind: 'switch',
    member: 'log.names',
    about: 'Whether these lines have the names of tools and prompts, and what clients call themselves.',
    default: true,
    why: 'They are names that servers list, and of programs. What is called for may still tell too much of a person.',
  },
  logSubject: {
    kind: 'choice',
    member: 'log.subject',
    about:
      'Whether the line of a call has its subject (the user, or the holder of a key): `no`, `plain`, or `hashed`, which tells subjects apart until mcplex restarts, and does not say who they are.',
    choices: ['no', 'hashed', 'plain'],
    default: 'no',
    why: 'Subjects are often names or addresses of people: they are in the log only if you want them there.',
  },
}
