/** A server is upgraded as docs/replacing-a-server.md says, while two hundred clients call it: no call fails. */
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from '../support/eventually.ts'
import { runtimeFolder } from '../support/door.ts'
import { echoLegacy, startMcplex } from '../support/mcplex.ts'
import { openSession } from '../support/session.ts'

const clients = 200

test('pause, upgrade, recycle and resume under load: no call fails, and the new program serves', async () => {
  const place = runtimeFolder()
  onTestFinished(() => place.remove())
  const file = join(place.folder, '..', 'mcplex.yaml')
  // A program that is replaced, as an upgrade does.
  const program = join(place.folder, '..', 'program.sh')
  const write = (version: string): void => {
    writeFileSync(`${program}.new`, `#!/bin/sh\nexec ${process.execPath} ${echoLegacy} # ${version}\n`, {
      mode: 0o755,
    })
    renameSync(`${program}.new`, program)
  }
  write('one')
  const server = { command: [program], mode: 'shared' }
  writeFileSync(file, JSON.stringify({ upstreams: { files: server }, limits: { queue: { max: 1000, maxWait: '5m' } } }))
  const mcplex = await startMcplex({ env: place.env, file })
  onTestFinished(() => mcplex.end().then(() => {}))
  const sessions = await Promise.all(Array.from({ length: clients }, () => openSession(`${mcplex.origin}/mcp`)))
  const before = (await sessions[0]?.whoami())?.pid
  const [texts, wrong]: [Set<string>, string[]] = [new Set(), []]
  let goesOn = true
  const load = sessions.map(async (session, at) => {
    for (let call = 0; goesOn; call++) {
      const text = `${at}-${call}`
      const answer = await session.text('echo', { text }).catch((error: unknown) => String(error))
      if (answer === text) texts.add(text)
      else wrong.push(answer)
    }
  })
  const served = async (): Promise<void> => {
    const from = texts.size
    await eventually('all clients to be served', () => texts.size > from + 2 * clients)
  }
  await served()
  expect((await place.run('upstreams', 'pause', 'files', '--wait')).code).toBe(0)
  write('two')
  expect((await place.run('upstreams', 'recycle', 'files', '--wait')).code).toBe(0)
  expect((await place.run('upstreams', 'resume', 'files')).code).toBe(0)
  await served()
  goesOn = false
  await Promise.all(load)
  expect(wrong).toEqual([])
  expect((await sessions[0]?.whoami())?.pid).not.toBe(before)
  expect(await place.json('errors')).toMatchObject({ total: 0 })
})
