/**
 * The import rules of the architecture as data: which module may use which, and what may appear where. `check.mjs`
 * applies them. Each rule says what to do instead. Why a script of our own: docs/decisions/0002-import-directions.md.
 *
 * Places are paths below `src/`: a module (`base`, `upstreams/pooling`), a file (`config/load.ts`) or `*` for one name
 * (`<any>/options.ts`). Tests (`x.test.ts`) are excused where `tests` says so.
 */

/** What every module may use of another one: the ports. */
const ports = ['base', 'protocol', 'backplane/backplane.ts']

const siblings =
  'These modules never import each other: take what you need as an argument, declare its interface here, and let gateway/gateway.ts hand it in.'
const behindTheGateway =
  'A transport knows no module behind the gateway: ask the gateway for it, or have the caller hand it in.'
/** What pools need of a worker, whatever is behind it. */
const workerPort = [
  'upstreams/worker.ts',
  'upstreams/worker-exit.ts',
  'upstreams/worker-states.ts',
  'upstreams/responsiveness.ts',
  'upstreams/server-era.ts',
]
const ofUpstreams =
  'Pools and connections know no kind of server: let the kind (upstreams/stdio) hand in what is special to it, through the port ServerProgram (upstreams/pooled/server-program.ts).'
const ofPooling =
  'Pooling knows neither connections nor processes: use the interface Worker (upstreams/worker.ts), or let the kind of server (upstreams/stdio) hand in what is special to it.'
const ofGateway = 'The parts of the gateway take what they use as arguments; gateway/gateway.ts composes them.'
const gatewayParts = [...ports, 'upstreams/upstream.ts', 'sessions', 'catalog']

/**
 * The modules; a file belongs to the one with the longest path that holds it. A module may import itself and the places
 * named; `types` are places of which it may import types alone, `tests` places that its tests may import as well.
 */
export const modules = {
  base: { may: [], instead: 'base imports nothing of ours: what needs a module belongs to that module.' },
  protocol: {
    may: ['base'],
    instead: 'protocol is values in, values out: let the caller fetch the value and pass it.',
  },
  backplane: {
    may: ['base'],
    instead: 'A backplane keeps bytes and numbers; give meaning to them in the module that uses it.',
  },
  identity: { may: ports, instead: siblings },
  admission: { may: ports, instead: siblings },
  tenants: { may: ports, instead: siblings },
  policy: { may: ports, instead: siblings },
  sessions: { may: ports, instead: siblings },
  client: { may: ports, instead: siblings },
  upstreams: {
    may: [...ports, 'upstreams/control/options.ts'],
    types: ['upstreams/pooling/isolation-modes.ts', 'upstreams/stdio/options.ts', 'upstreams/module/options.ts'],
    instead: 'The port of upstreams knows none of its parts.',
  },
  'upstreams/connection': {
    may: [...ports, ...workerPort],
    types: ['upstreams/options.ts'],
    instead: ofUpstreams,
  },
  'upstreams/pooling': {
    may: [...ports, 'upstreams/upstream.ts', 'upstreams/wait-notices.ts', ...workerPort],
    types: ['upstreams/options.ts', 'upstreams/tenant-workers.ts'],
    // A real connection as the worker, instead of a mock.
    tests: [
      'upstreams/connection/connection.ts',
      'upstreams/connection/line-transport.ts',
      '../test/support/manual-instance.ts',
      '../test/support/pool-fixture.ts',
    ],
    instead: ofPooling,
  },
  'upstreams/control': {
    may: [...ports, 'upstreams/upstream.ts', 'upstreams/wait-notices.ts'],
    tests: ['../test/support/random.ts', '../test/support/waiting-call.ts'],
    instead:
      'What stands in front of an upstream knows no kind of server: it has the port alone (upstreams/upstream.ts).',
  },
  'upstreams/pooled': {
    may: [...ports, 'upstreams/upstream.ts', ...workerPort, 'upstreams/connection', 'upstreams/pooling'],
    types: ['upstreams/options.ts', 'upstreams/tenant-workers.ts'],
    instead: ofUpstreams,
  },
  'upstreams/stdio': {
    may: [
      ...ports,
      'upstreams/upstream.ts',
      'upstreams/pooled',
      'upstreams/connection/line-transport.ts',
      ...workerPort,
    ],
    types: ['upstreams/options.ts'],
    instead: siblings,
  },
  'upstreams/module': {
    may: [
      ...ports,
      'upstreams/upstream.ts',
      'upstreams/pooled',
      'upstreams/connection/line-transport.ts',
      ...workerPort,
      'use-call',
      'shared-resources',
    ],
    types: ['upstreams/options.ts'],
    instead: siblings,
  },
  'use-call': {
    may: ['base', 'protocol'],
    types: ['shared-resources/shared-resources.ts'],
    instead: 'Modules of users import this: it knows nothing of what runs them.',
  },
  'shared-resources': {
    may: ['base', 'use-call'],
    instead: 'Modules of users import this: it knows nothing of what runs them.',
  },
  tools: {
    may: ['use-call', 'shared-resources'],
    instead: '`mcplex/tools` is what these modules offer: export it from there.',
  },
  catalog: { may: [...ports, 'upstreams/upstream.ts'], instead: siblings },
  router: {
    may: [...ports, 'upstreams/upstream.ts', 'catalog'],
    instead: 'The router knows no kind of server: gateway/gateway.ts hands it the upstreams, each with its catalogue.',
  },
  config: {
    may: [
      'base',
      '*/options.ts',
      'transports/http/options.ts',
      'upstreams/stdio/options.ts',
      'upstreams/module/options.ts',
    ],
    instead: "config composes the modules' options.ts and knows nothing else of them: move the option there.",
  },
  gateway: {
    may: [
      'base',
      'protocol',
      'backplane',
      'identity',
      'admission',
      'tenants',
      'policy',
      'sessions',
      'upstreams',
      'catalog',
      'router',
      'gateway',
    ],
    types: ['config'],
    tests: ['../test/support/pool-fixture.ts', '../test/support/waiting-call.ts'],
    instead: 'The gateway gets its settings as a value: import the type from config, or let cli/ load it.',
  },
  'gateway/calls': { may: [...gatewayParts, 'gateway/drain.ts'], types: ['gateway'], instead: ofGateway },
  'gateway/interaction': { may: gatewayParts, types: ['gateway'], instead: ofGateway },
  'gateway/legacy': {
    may: [...gatewayParts, 'gateway/calls', 'gateway/interaction'],
    types: ['gateway'],
    instead: ofGateway,
  },
  'gateway/modern': {
    may: [...gatewayParts, 'gateway/calls', 'gateway/interaction'],
    types: ['gateway'],
    instead: ofGateway,
  },
  'transports/http': { may: ['gateway', 'protocol', 'base'], instead: behindTheGateway },
  'transports/stdio': { may: ['client', 'protocol', 'base'], instead: behindTheGateway },
  admin: {
    may: [
      'gateway',
      'protocol',
      'base',
      'transports/http/guard.ts',
      'transports/http/socket-file.ts',
      'transports/http/until-listening.ts',
    ],
    instead: behindTheGateway,
  },
  index: {
    may: ['gateway', 'config', 'base', 'backplane/memory.ts'],
    types: ['protocol', 'backplane/backplane.ts', 'policy/call-policy.ts'],
    instead: 'The embedding API is what the gateway offers: export it from there.',
  },
  testing: {
    may: [...ports, 'index', 'backplane/memory.ts', 'upstreams/upstream.ts'],
    types: ['catalog'],
    instead: 'Embedders run these suites: reach the implementation through the `make` that is handed in.',
  },
  cli: {
    may: [
      'config',
      'transports',
      'client',
      'admin',
      'gateway',
      'base',
      'identity',
      'shared-resources/write-file-atomic.ts',
      'shared-resources/file-lock.ts',
    ],
    instead: 'The command has no feature of its own: put it into the gateway and call that.',
  },
}

/** A test may use what its module may, the suites, and the real memory backplane instead of a mock. */
export const testsMayAlso = ['testing', 'backplane/memory.ts']

/** Runtime packages, and the only places that may import them. A package that is not listed may not be imported. */
export const packages = {
  '@modelcontextprotocol/client': {
    in: ['cli/sign-in'],
    instead: 'Only signing in uses its `auth()`; everything else of MCP is our own.',
  },
  cockatiel: { in: ['upstreams/control'], instead: 'Only what stands in front of an upstream breaks its circuit.' },
  commander: { in: ['cli'], instead: 'Only the command parses arguments.' },
  'eventsource-parser': { in: ['client'], instead: 'Only what reads the streams of others parses events.' },
  jose: { in: ['identity'], instead: 'Only identity looks at tokens.' },
  'jsonc-parser': {
    in: ['cli', 'config/file'],
    instead: 'Only `mcplex config` edits files that people wrote, and config/file reads them.',
  },
  'prom-client': {
    in: ['admin/metrics/scrape.ts'],
    instead: 'Count in admin/metrics/instruments.ts: only a scrape formats.',
  },
  'proper-lockfile': { in: ['shared-resources'], instead: 'Tools lock files through lock() of mcplex/tools.' },
  tarn: { in: ['shared-resources'], instead: 'Tools pool resources through pool() of mcplex/tools.' },
  picocolors: { in: ['cli'], instead: 'Only the command has a terminal.' },
  pino: { in: ['cli'], instead: 'Take the Log of base/log.ts as an argument.' },
  yaml: { in: ['config/file'], instead: 'Only the configuration file is YAML.' },
  zod: {
    in: ['config/file', 'admin/schemas.ts', 'admin/reload-schemas.ts', 'admin/upstream-schemas.ts', 'admin/openapi.ts'],
    instead: 'Check a value by the row of its option; only the file and the answers to operators have a structure.',
  },
  'pino-pretty': { in: ['cli'], instead: 'Take the Log of base/log.ts as an argument.' },
}

const http = 'Speak Inbound and Outbound (protocol/inbound.ts); transports/http adapts them.'

/** Node's modules with a home. The others may be imported anywhere but in protocol/. */
export const builtins = {
  // The door for operators is no transport: no client reaches it, and the command asks it.
  // Nor is the page of this machine that a browser comes back to.
  'node:http': { in: ['transports/http', 'admin', 'cli/sign-in/redirect-listener.ts'], instead: http },
  'node:http2': { in: ['transports/http'], instead: http },
  'node:https': { in: ['transports/http', 'admin'], instead: http },
  'node:child_process': {
    in: ['upstreams/stdio', 'cli/process-table.ts', 'cli/open-browser.ts'],
    instead:
      'Start servers through upstreams/stdio/spawn.ts, a browser through cli/open-browser.ts; look for processes in cli/process-table.ts.',
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
    // The second reads an option of Node, which is no setting.
    in: ['config/load.ts', 'base/process-memory.ts'],
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
 * Eras are decided at the edges and worded in protocol/: nothing else compares a value with the name of an era or with a
 * revision. Naming one is allowed everywhere.
 */
export const eras = {
  pattern: /^(?:legacy|modern|20\d\d-\d\d-\d\d)$/,
  in: ['protocol', 'sessions', 'upstreams', 'catalog', 'router'],
  tests: true,
  instead:
    'Ask the value (call.session, an UpstreamCodec of protocol/) instead of comparing it with the name of its era.',
}

/** Names of files and in code that mean nothing to a reader who does not know this project, and what to say instead. */
export const unclearWords = {
  bell: 'wakeup',
  blame: 'crash loop guard',
  course: 'suspendable call',
  desk: 'client context',
  dialect: 'codec',
  errand: 'internal request, sent message',
  errands: 'internal requests',
  house: 'services, architecture',
  keeper: 'catalog worker',
  keepers: 'catalog workers',
  ladder: 'termination',
  parcel: 'outgoing request',
  pulse: 'coarse timers',
  seat: 'caller, live session',
  seats: 'callers, live sessions',
  speaker: 'client description',
  starter: 'direct start',
  strangers: 'unknown variables',
  theatre: 'fake server',
  tongue: 'wire format',
  voices: 'notification router',
}

/** State at module level is shared by all gateways of a process; constants and filled tables are not state. */
export const moduleState = { tests: true, instead: 'Create it inside a factory, so that two gateways share nothing.' }

export const starExports = { instead: 'Write out what is exported: `export { a, b } from`.' }

/** Files of more than 300 lines, each with its reason; above 400 there is none. A line without need is an error too. */
export const longFiles = {}
export const lineLimit = 300
export const lineCeiling = 400
