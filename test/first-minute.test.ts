/**
 * The first command of the README, typed into a terminal, with three clients connected; then it is ended in each of the
 * ways in which people and supervisors end it. Nothing of it may be left: no process, no port, no client that waits.
 */
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { descendantsOf, namesOf, runs, until } from './children/processes.ts'
import { connectOld, type TestClient, type Place, sdks } from './servers/test-client.ts'
import { eventually } from './support/eventually.ts'
import { openTerminal, type Terminal } from './support/terminal.ts'

const root = join(import.meta.dirname, '..')
const main = join(root, 'dist', 'cli', 'main.js')
const firstCommand = 'npx mcplex serve --port 0 -- npx -y @modelcontextprotocol/server-everything'

interface Served {
  readonly terminal: Terminal
  readonly endpoint: string
  /** The process that the shell has started: npx. */
  readonly npx: number
  /** All processes that run by then: npx, mcplex, its servers. */
  readonly all: readonly number[]
}

/** A client that has called, and one of each kind that people connect first. */
async function connected(endpoint: string): Promise<readonly TestClient[]> {
  const places: readonly Place[] = [
    { url: endpoint },
    { url: endpoint, bySse: true },
    { args: [main, 'connect', endpoint], env: {} },
  ]
  const [, second] = sdks
  const testClients = await Promise.all(
    places.map((place, at) => (at === 1 && second ? second.connect(place) : connectOld(place))),
  )
  for (const { client } of testClients) onTestFinished(() => client.close())
  for (const [at, testClient] of testClients.entries()) {
    const { content } = (await testClient.call('echo', { message: `client ${at}` })) as { content: unknown }
    expect(content).toMatchObject([{ text: `Echo: client ${at}` }])
  }
  return testClients
}

async function serve(): Promise<Served> {
  const terminal = await openTerminal({ env: { npm_config_offline: 'true', npm_config_update_notifier: 'false' } })
  await terminal.run(`cd ${root}; echo "shell $$"`)
  await terminal.shows(/shell \d+/)
  const shell = Number(/shell (\d+)/.exec(terminal.screen())?.[1])
  await terminal.run(firstCommand)
  await terminal.shows('press h for help')
  const endpoint = /http:\S+\/mcp/.exec(terminal.screen())?.[0] ?? ''
  await connected(endpoint)
  const all = descendantsOf(shell).filter(runs)
  const npx = all.find((pid) => namesOf(pid).includes('mcplex')) ?? 0
  const servers = all.filter((pid) => namesOf(pid).includes('server-everything'))
  // One for each client at least, and npx itself is in the line of it as well.
  expect(servers.length).toBeGreaterThan(3)
  onTestFinished(() => {
    for (const pid of all) if (runs(pid)) process.kill(pid, 'SIGKILL')
  })
  return { terminal, endpoint, npx, all }
}

/** Whether anything still takes connections there. */
function listens(endpoint: string): Promise<boolean> {
  const { hostname, port } = new URL(endpoint)
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname)
    const end = (isThere: boolean): void => {
      socket.destroy()
      resolve(isThere)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}

test.each<[string, (served: Served) => Promise<void>]>([
  ['Ctrl-C', async ({ terminal }) => terminal.type('\u0003')],
  ['SIGTERM to npx', async ({ npx }) => void process.kill(npx, 'SIGTERM')],
  ['SIGHUP to npx', async ({ npx }) => void process.kill(npx, 'SIGHUP')],
  ['SIGKILL to npx', async ({ npx }) => void process.kill(npx, 'SIGKILL')],
  ['closing the terminal', ({ terminal }) => terminal.close()],
])('%s leaves nothing', async (_, end) => {
  const served = await serve()
  await end(served)
  await eventually('the port to be free', async () => !(await listens(served.endpoint)))
  await until('all processes are gone', () => !served.all.some(runs))
})
