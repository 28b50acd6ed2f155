/**
 * A server is replaced while two hundred clients call it, by verbs as docs/replacing-a-server.md says: no call fails, and
 * each client goes on in its session. kinds-under-load.test.ts has servers of each kind.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { type RuntimeFolder, runtimeFolder } from '../support/door.ts'
import { echoLegacy, startMcplex } from '../support/mcplex.ts'
import { openSession } from '../support/session.ts'

const clients = 200

interface UnderLoad {
  readonly place: RuntimeFolder
  /** Replaces the program of the server, as an upgrade does. */
  writeProgram(version: string): void
  /** Resolves when all clients have been served several times from now on. */
  served(): Promise<void>
  /** Ends the load. @returns what was answered wrongly */
  end(): Promise<readonly string[]>
  /** The process that serves. */
  pid(): Promise<number>
}

async function startUnderLoad(): Promise<UnderLoad> {
  const place = runtimeFolder()
  onTestFinished(() => place.remove())
  const at = (name: string): string => join(place.folder, '..', name)
  const replace = (path: string, text: string): void => {
    writeFileSync(`${path}.new`, text, { mode: 0o755 })
    renameSync(`${path}.new`, path)
  }
  const [program, file] = [at('program.sh'), at('mcplex.yaml')]
  const writeProgram = (version: string): void =>
    replace(program, `#!/bin/sh\nexec ${process.execPath} ${echoLegacy} # ${version}\n`)
  writeProgram('one')
  const files = { command: [program], mode: 'shared' }
  writeFileSync(file, JSON.stringify({ upstreams: { files }, limits: { queue: { max: 1000, maxWait: '5m' } } }))
  const mcplex = await startMcplex({ env: place.env, file })
  onTestFinished(() => mcplex.end().then(() => {}))
  const sessions = await Promise.all(Array.from({ length: clients }, () => openSession(`${mcplex.origin}/mcp`)))
  const wrong: string[] = []
  let [count, goesOn] = [0, true]
  const load = sessions.map(async (session, client) => {
    for (let call = 0; goesOn; call++) {
      const text = `${client}-${call}`
      const answer = await session.text('echo', { text }).catch((error: unknown) => String(error))
      if (answer === text) count++
      else wrong.push(answer)
    }
  })
  return {
    place,
    writeProgram,
    async served() {
      const before = count
      await eventually('all clients to be served', () => count > before + 2 * clients)
    },
    async end() {
      goesOn = false
      await Promise.all(load)
      return wrong
    },
    pid: async () => (await sessions[0]?.whoami())?.pid ?? 0,
  }
}

test('pause, upgrade, recycle and resume: no call fails, and the new program serves', async () => {
  const { place, writeProgram, served, end, pid } = await startUnderLoad()
  const before = await pid()
  await served()
  expect((await place.run('upstreams', 'pause', 'files', '--wait')).code).toBe(0)
  writeProgram('two')
  expect((await place.run('upstreams', 'recycle', 'files', '--wait')).code).toBe(0)
  expect((await place.run('upstreams', 'resume', 'files')).code).toBe(0)
  await served()
  expect(await end()).toEqual([])
  expect(await pid()).not.toBe(before)
  expect(await place.json('errors')).toMatchObject({ total: 0 })
})
