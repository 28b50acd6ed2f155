// Loaded into the process of a suite before the suite, when a lane is run again: each of its timers lasts five times as
// long. The suites give some answers a bound in milliseconds (600 for a call whose server is still to start), which tells
// of a busy machine and not of mcplex.

const TIMES = 5

const { setTimeout: start } = globalThis

/**
 * @param {(...given: unknown[]) => void} callback
 * @param {number} [milliseconds]
 * @param {...unknown} given
 */
const longer = (callback, milliseconds = 0, ...given) => start(callback, milliseconds * TIMES, ...given)

// What `util.promisify` makes of it stays as it was.
globalThis.setTimeout = Object.assign(longer, start)
