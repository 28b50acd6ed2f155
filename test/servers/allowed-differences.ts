/**
 * The rules for what may differ between two runs of one server; everything else must be equal. `steady` applies the rules
 * that hold for a run.
 */

/** A run, as far as it explains what differs. */
export interface Run {
  /** The directory that the run works in. */
  readonly directory: string
  /** Whether its client speaks the stateless revision, while the server is asked in a session-based one. */
  readonly isBridged: boolean
  /** Whether the server is a module of mcplex. */
  readonly isModule: boolean
}

type Members = Readonly<Record<string, unknown>>

interface Rule {
  readonly name: string
  readonly holds?: (run: Run) => boolean
  /** Of every text. */
  readonly text?: (said: string, run: Run) => string
  /** Of every object, outer ones first. */
  readonly object?: (members: Members) => Members
}

const without = (members: Members, ...names: readonly string[]): Members =>
  Object.fromEntries(Object.entries(members).filter(([name]) => !names.includes(name)))

const ownMeta = ['io.modelcontextprotocol/serverInfo', 'io.modelcontextprotocol/subscriptionId']

/** The rules, in the order in which they are applied. */
const rules: readonly Rule[] = [
  { name: 'the directory of the run', text: (said, { directory }) => said.replaceAll(directory, '<directory>') },
  { name: 'the time of day', text: (said) => said.replace(/\b\d{1,2}:\d{2}:\d{2}(?:\s?[AP]M)?/g, '<time>') },
  {
    name: 'dates with a time of day',
    text: (said) =>
      said
        .replace(/\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) \w{3} \d{2} \d{4} <time> GMT[+-]\d{4} \([^)]*\)/g, '<date>')
        .replace(/\b\d{4}-\d{2}-\d{2}T<time>(?:\.\d+)?Z/g, '<date>'),
  },
  {
    name: 'bytes as their text, so that the rules above find the times in them',
    object: (members) =>
      typeof members['blob'] === 'string'
        ? { ...members, blob: Buffer.from(members['blob'], 'base64').toString('latin1') }
        : members,
  },
  {
    name: 'the session, which a module knows and a server at a pipe does not',
    holds: ({ isModule }) => isModule,
    text: (said) => said.replace(/ from session [\w-]{43}$/, ' ').replace(/ session [\w-]{43}\b/, ' session undefined'),
  },
  {
    name: 'what each answer and each change says of itself in the stateless revision: the server description, and the request to which it belongs',
    holds: ({ isBridged }) => isBridged,
    object(members) {
      const meta = members['_meta']
      if (typeof meta !== 'object' || meta === null) return members
      const rest = without(meta as Members, ...ownMeta)
      return Object.keys(rest).length === 0 ? without(members, '_meta') : { ...members, _meta: rest }
    },
  },
  {
    name: 'cache hints, which only the stateless revision has',
    holds: ({ isBridged }) => isBridged,
    object: (members) => without(members, 'ttlMs', 'cacheScope'),
  },
  {
    name: 'tasks of 2025-11-25, which the stateless revision has not',
    holds: ({ isBridged }) => isBridged,
    object: (members) => without(members, 'tasks', 'execution'),
  },
]

/** The value as it is but for what the rules let differ. */
export function steady(value: unknown, run: Run): unknown {
  const holding = rules.filter(({ holds }) => holds?.(run) ?? true)
  const walk = (one: unknown): unknown => {
    if (typeof one === 'string') return holding.reduce((said, { text }) => text?.(said, run) ?? said, one)
    if (Array.isArray(one)) return one.map(walk)
    if (typeof one !== 'object' || one === null) return one
    const whole = holding.reduce<Members>((members, { object }) => object?.(members) ?? members, { ...one })
    return Object.fromEntries(Object.entries(whole).map(([name, inner]) => [name, walk(inner)]))
  }
  return walk(value)
}
