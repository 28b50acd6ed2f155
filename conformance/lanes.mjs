// Which suite runs against which fixture behind mcplex: one row, one lane.
//
// 0.1.16 is the stable suite; 0.2 knows both eras, the requirements frozen per revision, and checks every message
// against the schema of the specification.

/**
 * @typedef {object} Lane
 * @property {string} name
 * @property {'@modelcontextprotocol/conformance' | 'conformance-next'} suite
 * @property {string[]} selects   which scenarios of the suite
 * @property {string} fixture     in `../test/fixtures`, or a module in `modules/` there
 * @property {'command' | 'module' | 'thread' | 'merged'} behind  how mcplex serves the fixture: by its command, in the
 *                                process of mcplex, in a thread of it, or at one endpoint together with another server
 * @property {string[]} options   of `mcplex`
 * @property {string} expects     the name of its file in `expected-failures/`
 * @property {boolean} isH2       whether the suite speaks HTTP/2 instead of HTTP/1.1
 */

const stable = '@modelcontextprotocol/conformance'
const next = 'conformance-next'
const legacy = 'everything-legacy.mjs'
const modern = 'everything-modern.mjs'

// What clients of the stateless revision share before a server that would otherwise be offered with sessions alone.
const offersBoth = ['--stateless', 'principal']

const sessions = ['2025-03-26', '2025-06-18', '2025-11-25']

/** @typedef {Omit<Lane, 'expects' | 'isH2' | 'options' | 'behind'>} Required */
/** @typedef {Required & Partial<Pick<Lane, 'expects' | 'options' | 'behind'>>} Row */

/**
 * All that there is of a revision.
 * @type {(revision: string, fixture: string, name?: string) => Row}
 */
const all = (revision, fixture, name = `${revision}-all`) => ({
  name,
  suite: next,
  selects: ['--suite', 'all', '--spec-version', revision],
  fixture,
})

/** @type {Row[]} */
const overHttp1 = [
  { name: 'stable', suite: stable, selects: ['--suite', 'all'], fixture: legacy },
  { name: '2025-11-25-required', suite: next, selects: ['--requirements', '2025-11-25'], fixture: legacy },
  ...sessions.map((revision) => all(revision, legacy)),
  { name: '2026-07-28-required', suite: next, selects: ['--requirements', '2026-07-28'], fixture: modern },
  all('2026-07-28', modern),
  // Across the eras.
  { name: 'stable-new-server', suite: stable, selects: ['--suite', 'all'], fixture: modern },
  { name: 'old-client-new-server', suite: next, selects: ['--requirements', '2025-11-25'], fixture: modern },
  ...sessions.map((revision) => all(revision, modern, `${revision}-new-server`)),
  // A log line names no call: it is told as long as the process that all share has worked for one client alone.
  ...[stable, next].map((suite) => ({
    name: `logging-new-server-${suite === next ? 'next' : 'stable'}`,
    suite,
    selects: ['--scenario', 'tools-call-with-logging'],
    fixture: modern,
  })),
  {
    name: 'new-client-old-server',
    suite: next,
    selects: ['--requirements', '2026-07-28'],
    fixture: legacy,
    options: offersBoth,
  },
  { ...all('2026-07-28', legacy, '2026-07-28-old-server'), options: offersBoth },
]

// Served in other ways, by HTTP/1.1 alone. An object of a module has sessions; its endpoint is for clients with sessions
// alone, or open to both eras. Each major of the SDK stands behind both kinds of endpoint, for clients of both eras.
const newer = 'everything-v2.mjs'
const older = 'everything-v1.mjs'

/** @type {Row[]} */
const otherwiseServed = [
  ...sessions.map((revision) => ({
    ...all(revision, newer, `${revision}-module`),
    behind: /** @type {const} */ ('module'),
  })),
  { ...all('2025-11-25', older, '2025-11-25-module-thread'), behind: 'thread' },
  { ...all('2025-11-25', older, '2025-11-25-module-both-eras'), behind: 'module', options: offersBoth },
  {
    ...all('2026-07-28', older, '2026-07-28-module'),
    behind: 'module',
    options: offersBoth,
    expects: '2026-07-28-old-server',
  },
  {
    ...all('2026-07-28', newer, '2026-07-28-module-call'),
    behind: 'module',
    options: ['--stateless', 'call'],
    expects: '2026-07-28-old-server',
  },
  // All clients share an object there, which asks none of them.
  { ...all('2026-07-28', newer, '2026-07-28-module-shared'), behind: 'module', options: ['--stateless', 'shared'] },
  { ...all('2025-11-25', legacy, '2025-11-25-merged'), behind: 'merged' },
  { ...all('2026-07-28', modern, '2026-07-28-merged'), behind: 'merged', options: offersBoth },
]

/** @type {(row: Row, isH2?: boolean) => Lane} */
const laneOf = (row, isH2 = false) => ({
  options: [],
  behind: 'command',
  expects: row.name,
  ...row,
  name: isH2 ? `${row.name}-h2` : row.name,
  isH2,
})

// What a client sees must not depend on the version of HTTP, so the same failures are expected over either.
/** @type {Lane[]} */
export const lanes = [
  ...overHttp1.map((row) => laneOf(row)),
  ...overHttp1.map((row) => laneOf(row, true)),
  ...otherwiseServed.map((row) => laneOf(row)),
]
