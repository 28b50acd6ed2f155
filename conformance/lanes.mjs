// Which suite runs against which fixture behind mcplex: one row, one lane.
//
// 0.1.16 is the stable suite; 0.2 knows both eras, the requirements frozen per revision, and checks every message
// against the schema of the specification.

/**
 * @typedef {object} Lane
 * @property {string} name
 * @property {'@modelcontextprotocol/conformance' | 'conformance-next'} suite
 * @property {string[]} selects   which scenarios of the suite
 * @property {string} fixture     in `../test/fixtures`
 * @property {string} expects     the name of its file in `expected-failures/`
 * @property {boolean} isH2       whether the suite speaks HTTP/2 instead of HTTP/1.1
 */

const stable = '@modelcontextprotocol/conformance'
const next = 'conformance-next'
const legacy = 'everything-legacy.mjs'
const modern = 'everything-modern.mjs'

/** @type {Omit<Lane, 'expects' | 'isH2'>[]} */
const overHttp1 = [
  { name: 'stable', suite: stable, selects: ['--suite', 'all'], fixture: legacy },
  { name: '2025-11-25-required', suite: next, selects: ['--requirements', '2025-11-25'], fixture: legacy },
  ...['2025-03-26', '2025-06-18', '2025-11-25'].map((revision) => ({
    name: `${revision}-all`,
    suite: /** @type {const} */ (next),
    selects: ['--suite', 'all', '--spec-version', revision],
    fixture: legacy,
  })),
  { name: '2026-07-28-required', suite: next, selects: ['--requirements', '2026-07-28'], fixture: modern },
  {
    name: '2026-07-28-all',
    suite: next,
    selects: ['--suite', 'all', '--spec-version', '2026-07-28'],
    fixture: modern,
  },
  // Across the eras.
  { name: 'old-client-new-server', suite: next, selects: ['--requirements', '2025-11-25'], fixture: modern },
  { name: 'new-client-old-server', suite: next, selects: ['--requirements', '2026-07-28'], fixture: legacy },
]

// What a client sees must not depend on the version of HTTP, so the same failures are expected over either.
/** @type {Lane[]} */
export const lanes = [
  ...overHttp1.map((lane) => ({ ...lane, expects: lane.name, isH2: false })),
  ...overHttp1.map((lane) => ({ ...lane, name: `${lane.name}-h2`, expects: lane.name, isH2: true })),
]
