// Many clients of one program at once: each stores a value of its own, and reads it when all have stored theirs.
//
//   node field/clients/many-clients.mjs <client> <url> <how many>
//
// Promises: prints one line of JSON: `{ "found": [...] }`, what each has read in the order of their numbers, or
// `{ "missing": "..." }`, why there is no such client on this machine.

/**
 * A client that is connected, as each folder wraps it: `<name>/client.mjs` exports `connect`, and `missing` where there
 * are machines on which it cannot run.
 * @typedef {object} Client
 * @property {(name: string, args: object) => Promise<string>} call   calls a tool, and gives the text of its result
 * @property {() => string[] | Promise<string[]>} tools   the names of the tools, as the client knows them
 * @property {() => unknown} close
 */

/**
 * Connects a client to the endpoint of a server. Its number is its own among those that connect at once.
 * @typedef {(url: string, number: number) => Client | Promise<Client>} Connect
 */

const [name = '', url = '', count = ''] = process.argv.slice(2)
const key = 'own'

const say = (/** @type {object} */ what) => process.stdout.write(`${JSON.stringify(what)}\n`, () => process.exit(0))

/** @type {{ connect: Connect, missing?: string }} */
const { connect, missing } = await import(`./${name}/client.mjs`)
if (missing !== undefined) say({ missing })
else say({ found: await play() })

async function play() {
  const clients = await Promise.all(Array.from({ length: Number(count) }, async (_, number) => connect(url, number)))
  await Promise.all(clients.map((client, number) => client.call('remember', { key, value: `value ${number}` })))
  const found = await Promise.all(clients.map((client) => client.call('recall', { key })))
  await Promise.all(clients.map((client) => client.close()))
  return found
}
