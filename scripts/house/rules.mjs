/**
 * The rules of the house as data: which way imports point, and what may appear where. `check.mjs` applies them.
 * Each rule says what to do instead. Why a script of our own: docs/decisions/0002-import-directions.md.
 *
 * Places are paths below `src/`: a room (`base`), a folder (`upstreams/stdio`), a file (`config/load.ts`) or
 * `*` for one name (`<any>/options.ts`). Tests (`x.test.ts`) are excused where `tests` says so.
 */

/** What every room may use of another one: the ports. Never a sibling's inside. */
const ports = ['base', 'protocol', 'backplane/backplane.ts']

const siblings =
  'Rooms never import each other: take what you need as an argument, declare its interface here, and let gateway/gateway.ts hand it in.'
const behindTheGateway =
  'Nothing in front of the gateway knows a room behind it: ask the gateway for it, or have the caller hand it in.'

/** A row may import only itself and the places named; `types` are places of which it may import types alone. */
export const rooms = {
  base: { may: [], instead: 'base imports nothing of ours: what needs a room belongs to that room.' },
  protocol: {
    may: ['base'],
    instead: 'protocol is values in, values out: let the caller fetch the value and pass it.',
  },
  backplane: {
    may: ['base'],
    instead: 'A backplane keeps bytes and numbers; give meaning to them in the room that uses it.',
  },
  identity: { may: ports, instead: siblings },
  gates: { may: ports, instead: siblings },
  sessions: { may: ports, instead: siblings },
  upstreams: { may: ports, instead: siblings },
  catalog: { may: [...ports, 'upstreams/upstream.ts'], instead: siblings },
  config: {
    may: ['base', '*/options.ts'],
    instead: "config composes the rooms' options.ts and knows nothing else of them: move the option there.",
  },
  gateway: {
    may: ['base', 'protocol', 'backplane', 'identity', 'gates', 'sessions', 'upstreams', 'catalog'],
    types: ['config'],
    instead: 'The gateway gets its settings as a value: import the type from config, or let cli/ load it.',
  },
  http: { may: ['gateway', 'protocol', 'base'], instead: behindTheGateway },
  stdio: {
    may: ['protocol', 'base'],
    instead: 'A face for lines speaks Inbound and Outbound with whatever answers them: have the caller hand that in.',
  },
  connect: {
    may: ['protocol', 'base'],
    instead: 'It carries exchanges over HTTP, and knows nothing of what they are.',
  },
  admin: { may: ['gateway', 'protocol', 'base'], instead: behindTheGateway },
  index: {
    may: ['gateway', 'config', 'base', 'backplane/memory.ts'],
    types: ['protocol', 'backplane/backplane.ts'],
    instead: 'The embedding API is what the gateway offers: export it from there.',
  },
  testing: {
    may: [...ports, 'index', 'backplane/memory.ts', 'upstreams/upstream.ts'],
    instead: 'Embedders run these suites: reach the implementation through the `make` that is handed in.',
  },
  cli: {
    may: ['config', 'http', 'stdio', 'connect', 'admin', 'gateway', 'base'],
    instead: 'The command has no feature of its own: put it into the gateway and call that.',
  },
}

/** A test may use what its room may, the suites, and the real memory backplane instead of a mock. */
export const testsMayAlso = ['testing', 'backplane/memory.ts']

/** Runtime packages, and the only places that may import them. A package that is not listed may not be imported. */
export const packages = {
  commander: { in: ['cli'], instead: 'Only the command parses arguments.' },
  'eventsource-parser': { in: ['stdio'], instead: 'Only what reads the streams of others parses events.' },
  'jsonc-parser': { in: ['cli'], instead: 'Only `mcplex config` edits files that people wrote.' },
  picocolors: { in: ['cli'], instead: 'Only the command has a terminal.' },
  pino: { in: ['cli'], instead: 'Take the Log of base/log.ts as an argument.' },
  'pino-pretty': { in: ['cli'], instead: 'Take the Log of base/log.ts as an argument.' },
}

/** Node's modules with a home. The others may be imported anywhere but in protocol/. */
export const builtins = {
  'node:http': { in: ['http'], instead: 'Speak Inbound and Outbound (protocol/inbound.ts); http/ adapts them.' },
  'node:http2': { in: ['http'], instead: 'Speak Inbound and Outbound (protocol/inbound.ts); http/ adapts them.' },
  'node:https': { in: ['http'], instead: 'Speak Inbound and Outbound (protocol/inbound.ts); http/ adapts them.' },
  'node:child_process': {
    in: ['upstreams/stdio', 'cli/process-table.ts'],
    instead: 'Start servers through upstreams/stdio/spawn.ts; look for processes in cli/process-table.ts.',
  },
  'node:timers': { in: ['base/clock.ts'], instead: 'Take a Clock (base/clock.ts) as an argument.' },
  'node:timers/promises': { in: ['base/clock.ts'], instead: 'Take a Clock (base/clock.ts) as an argument.' },
  'node:process': { in: [], instead: 'Use the global `process`, so that the rules for it see you.' },
}

/** What protocol/ may have of Node: pure functions. */
export const pureBuiltins = ['node:buffer', 'node:crypto', 'node:util', 'node:string_decoder']

/** Globals with a home: `object.member`, or a bare name. */
export const globals = {
  'process.env': {
    in: ['config/load.ts'],
    tests: true,
    instead: 'config/load.ts reads the environment once; take the value as a setting.',
  },
  console: {
    in: ['cli'],
    tests: false,
    instead: 'Take a Log (base/log.ts) as an argument; only cli/ talks to people.',
  },
  'Date.now': {
    in: ['base/clock.ts'],
    tests: true,
    instead: 'Take a Clock (base/clock.ts) and call now(): the clock of the machine may be set at any moment.',
  },
  'performance.now': { in: ['base/clock.ts'], tests: true, instead: 'Take a Clock (base/clock.ts) and call now().' },
  'process.hrtime': { in: ['base/clock.ts'], tests: true, instead: 'Take a Clock (base/clock.ts) and call now().' },
  'new Date()': {
    in: ['base/clock.ts'],
    tests: true,
    instead: 'Write new Date(wallMs()), with wallMs of base/clock.ts: it is for people, and no deadline.',
  },
  setTimeout: { in: ['base/clock.ts'], tests: true, instead: 'Take a Clock and call after().' },
  setInterval: { in: ['base/clock.ts'], tests: true, instead: 'Take a Clock and call every().' },
  'AbortSignal.timeout': { in: ['base/clock.ts'], tests: true, instead: 'Take a Clock and call after().' },
}

/**
 * Eras are decided at the edges; names and short strings elsewhere may not tell them apart. Prose may name them, and so
 * may the path of an import: whoever may import protocol/ may import its files.
 */
export const eraWords = {
  pattern: /legacy|modern|\b20\d\d-\d\d-\d\d\b/i,
  in: ['protocol', 'sessions', 'upstreams', 'catalog'],
  tests: true,
  instead: 'Ask the value (call.session, an Era or Dialect of protocol/) instead of the name of its era.',
}

/** State at module level is shared by all gateways of a process; constants and filled tables are not state. */
export const moduleState = { tests: true, instead: 'Create it inside a factory, so that two gateways share nothing.' }

export const starExports = { instead: 'Write out what is exported: `export { a, b } from`.' }

/** Files of more than 300 lines, each with its reason; above 400 there is none. A line without need is an error too. */
export const longFiles = {}
export const lineLimit = 300
export const lineCeiling = 400
