// One client before one endpoint: what it finds there, what it sends, and what it does when its session is gone.
//
//   node field/clients/observe-client.mjs <client> <url>
//
// Promises: prints one line of JSON, a `Seen`, or `{ "missing": "..." }`, why there is no such client on this machine.

import { startRecorder } from '../recorder.mjs'

/**
 * @typedef {object} Seen
 * @property {string[]} tools       in alphabetical order
 * @property {string[]} results     of the calls below, or their failures, in order
 * @property {import('../recorder.mjs').Sent[]} requests   from the first to those upon closing
 * @property {string | undefined} afterwards   what the next call gives after the session was ended; undefined without one
 * @property {import('../recorder.mjs').Sent[]} afterLoss  what is sent for that call
 */

const MADE_WITHIN_MS = 20_000

/** Calls of the reference server that has everything: two that are fast, and one of a second. */
const calls = /** @type {const} */ ([
  ['echo', { message: 'from the field' }],
  ['get-sum', { a: 2, b: 3 }],
  ['trigger-long-running-operation', { duration: 1, steps: 2 }],
])

const [name = '', url = ''] = process.argv.slice(2)
const say = (/** @type {object} */ what) => process.stdout.write(`${JSON.stringify(what)}\n`, () => process.exit(0))

/** @type {{ connect: import('./many-clients.mjs').Connect, missing?: string }} */
const { connect, missing } = await import(`./${name}/client.mjs`)
if (missing !== undefined) say({ missing })
else say(await watch())

/** @returns {Promise<Seen>} */
async function watch() {
  const recorder = await startRecorder(url)
  const { requests } = recorder
  const client = await connect(recorder.url, 0)
  const tools = [...(await client.tools())].sort()
  const results = []
  for (const [tool, args] of calls) results.push(await attempt(() => client.call(tool, args)))
  await attempt(client.close)
  const whole = requests.splice(0)

  const again = await connect(recorder.url, 0)
  await again.call('echo', { message: 'first' })
  const hadSession = (await recorder.endSessions()) > 0
  requests.splice(0)
  const afterwards = hadSession ? await attempt(() => again.call('echo', { message: 'again' })) : undefined
  await attempt(again.close)
  return { tools, results, requests: whole, afterwards, afterLoss: requests }
}

/**
 * What a call gives, or why it fails; a client that does not come back is told, too.
 * @param {() => unknown} call
 */
async function attempt(call) {
  /** @type {NodeJS.Timeout | undefined} */
  let late
  const waited = new Promise((_, reject) => {
    late = setTimeout(() => reject(new Error(`nothing within ${MADE_WITHIN_MS / 1000} s`)), MADE_WITHIN_MS)
  })
  try {
    return String(await Promise.race([call(), waited]))
  } catch (error) {
    return `fails: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    clearTimeout(late)
  }
}
