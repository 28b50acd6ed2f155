/** Keys of an issuer that rotate, and an issuer that is away, while fifty clients call: who has a good token is served all the time. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { bearer, type Issuer, publicUrl, startIssuer } from '../support/issuer.ts'
import { echoLegacy, mcplexForTest } from '../support/mcplex.ts'
import { openSession } from '../support/session.ts'

const clients = 50
const restMs = 20
const timeout = 180_000
const minuteMs = 60_000

interface Load {
  /** What was not as it should be. */
  readonly faults: readonly string[]
  /** From now on clients have tokens that are signed by this key. */
  sign(kid: string): void
  /** Does it while no request is on its way, after which all clients call at once. */
  between(work: () => Promise<void>): Promise<void>
  /** Waits until each client has made so many calls more. */
  more(calls: number): Promise<void>
  stop(): Promise<void>
}

const prefix = 'io.modelcontextprotocol/'
const json = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' }

/** Clients of both eras, each of a subject of its own, that show a new token with every tenth call. */
async function startLoad(url: string, issuer: Issuer): Promise<Load> {
  const faults: string[] = []
  let kid = 'a'
  let isOver = false
  let isHeld = false
  let flying = 0
  const made = Array.from({ length: clients }, () => 0)
  const tokenOf = (client: number): string => issuer.token({ sub: `user-${client}`, jti: made[client] }, kid)
  const call = async (client: number, session: string | undefined, token: string): Promise<void> => {
    const text = `${client}-${made[client]}.`
    const version = session === undefined ? '2026-07-28' : '2025-11-25'
    const headers: Record<string, string> = { ...json, ...bearer(token), 'MCP-Protocol-Version': version }
    const params: Record<string, unknown> = { name: 'echo', arguments: { text } }
    if (session !== undefined) headers['Mcp-Session-Id'] = session
    else {
      headers['Mcp-Method'] = 'tools/call'
      headers['Mcp-Name'] = 'echo'
      params['_meta'] = { [`${prefix}protocolVersion`]: version, [`${prefix}clientCapabilities`]: {} }
    }
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params })
    const answered = await fetch(url, { method: 'POST', headers, body })
    const whole = await answered.text()
    if (answered.status !== 200 || !whole.includes(`"${text}"`))
      faults.push(`${answered.status} ${whole.slice(0, 200)}`)
  }
  const loops = made.map(async (_, client) => {
    let token = tokenOf(client)
    let signedBy = kid
    const opened = client % 2 === 0 ? await openSession(url, { headers: bearer(token) }) : undefined
    while (!isOver) {
      if (made[client] === undefined) return
      if (signedBy !== kid || made[client] % 10 === 9) [token, signedBy] = [tokenOf(client), kid]
      flying++
      await call(client, opened?.id, token).catch((error: unknown) => faults.push(String(error)))
      flying--
      made[client]++
      do await new Promise((resolve) => setTimeout(resolve, restMs))
      while (isHeld)
    }
  })
  return {
    faults,
    sign: (next) => (kid = next),
    async between(work) {
      isHeld = true
      await eventually('no request on its way', () => flying === 0)
      await work()
      isHeld = false
    },
    async more(calls) {
      const due = made.map((count) => count + calls)
      await eventually(`${calls} calls of each`, () => due.every((count, client) => (made[client] ?? 0) >= count))
    },
    async stop() {
      isOver = true
      await Promise.all(loops)
    },
  }
}

test(
  'fifty clients are served while keys rotate and the issuer is away, and no bad token is',
  { timeout },
  async () => {
    const issuer = await startIssuer('a')
    const folder = mkdtempSync(join(tmpdir(), 'mcplex-rotation-'))
    onTestFinished(() => {
      issuer.close()
      rmSync(folder, { recursive: true })
    })
    const [file, clock] = [join(folder, 'mcplex.yaml'), join(folder, 'clock')]
    const upstreams = { echo: { command: [process.execPath, echoLegacy], mode: 'shared', pool: { max: 2 } } }
    const auth = { methods: ['oauth'], issuers: [issuer.url], publicUrl }
    writeFileSync(file, JSON.stringify({ auth, upstreams }))
    const preload = pathToFileURL(join(import.meta.dirname, 'later-clock.mjs')).href
    const { url } = await mcplexForTest({ file, node: ['--import', preload], env: { LATER_CLOCK: clock } })
    let laterMs = 0
    const later = async (ms: number): Promise<void> => {
      writeFileSync(clock, String((laterMs += ms)))
      // Until it is read.
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    const statusOf = async (token: string): Promise<number> => {
      const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'probe', version: '1' } }
      const body = JSON.stringify({ jsonrpc: '2.0', id: 0, method: 'initialize', params })
      const answered = await fetch(url, { method: 'POST', headers: { ...json, ...bearer(token) }, body })
      await answered.text()
      return answered.status
    }
    const stranger = await startIssuer('a', 'b')
    onTestFinished(() => stranger.close())
    /** Tokens that are never good, whatever the keys are now. */
    const bad = async (): Promise<void> => {
      const tokens = [
        issuer.token({ exp: 1 }, 'b'),
        issuer.token({ aud: 'https://elsewhere.example.com' }, 'b'),
        stranger.token({ iss: issuer.url }, 'a'),
        stranger.token({ iss: issuer.url }, 'b'),
        issuer.token({}, 'never published'),
      ]
      expect(await Promise.all(tokens.map(statusOf))).toEqual(tokens.map(() => 401))
    }

    const load = await startLoad(url, issuer)
    await load.more(3)
    expect(issuer.fetches).toBe(1)
    await bad()

    // A new key, and all clients have tokens of it at once.
    issuer.published = ['a', 'b']
    await later(minuteMs / 2 + 1000)
    load.sign('b')
    await load.more(3)
    expect(issuer.fetches).toBe(2)
    await bad()

    // The issuer is away for as long as keys are fresh, and longer: its keys serve on.
    issuer.isAway = true
    for (let passedMs = 0; passedMs < 15 * minuteMs; passedMs += 5 * minuteMs) {
      await later(5 * minuteMs)
      await load.more(2)
      await bad()
    }
    expect(await statusOf(issuer.token({}, 'c'))).toBe(401)

    // It comes back, without the first key and with a third one.
    issuer.published = ['b', 'c']
    issuer.isAway = false
    await later(minuteMs)
    await load.more(2)
    await eventually('the withdrawn key is refused', async () => (await statusOf(issuer.token({}, 'a'))) === 401)
    load.sign('c')
    await load.more(3)
    await bad()
    await load.stop()
    expect(load.faults).toEqual([])
  },
)
