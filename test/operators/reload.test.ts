/** `mcplex reload --admin`: a running mcplex reads its file again because an operator asks for it at its address. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runs } from '../children/processes.ts'
import { askAt, runtimeFolder } from '../support/door.ts'
import { eventually } from '../support/eventually.ts'
import { echoLegacy, mcplexForTest } from '../support/mcplex.ts'

function fileOf(names: readonly string[]): string {
  const command = [process.execPath, echoLegacy]
  return JSON.stringify({ version: 1, upstreams: Object.fromEntries(names.map((name) => [name, { command }])) })
}

test('what the file has by then is in force, and what is wrong changes nothing', { timeout: 60_000 }, async () => {
  const place = runtimeFolder()
  onTestFinished(() => place.remove())
  const file = join(place.folder, '..', 'mcplex.json')
  writeFileSync(file, fileOf(['one']))
  const mcplex = await mcplexForTest({ env: place.env, file, options: ['--admin', '127.0.0.1:0'] })
  const { url = '' } = place.placesOf(mcplex.pid)

  writeFileSync(file, fileOf(['one', 'two']))
  const applied = await place.run('reload', '--admin', url, '--json')
  expect(applied.code).toBe(0)
  expect(JSON.parse(applied.stdout)).toMatchObject({ event: 'reloaded', file, added: ['two'] })
  expect((await place.run('upstreams', '--admin', url)).stdout).toMatch(/^two +stdio/m)

  writeFileSync(file, '{ "version": 1, "upstreams": { "one": {} } }')
  const refused = await place.run('reload', '--admin', url)
  expect([refused.code, refused.stderr]).toEqual([78, expect.stringContaining('upstreams.one') as string])
  expect(refused.stderr).toContain('the file is on the machine of that mcplex')
  expect((await place.run('upstreams', '--admin', url)).stdout).toMatch(/^two +stdio/m)
})

test(
  'tokens of the file and of its variables are replaced by a reload, and shown nowhere',
  { timeout: 60_000 },
  async () => {
    const place = runtimeFolder()
    onTestFinished(() => place.remove())
    const [file, secret] = ['mcplex.json', 'secret'].map((name) => join(place.folder, '..', name))
    if (file === undefined || secret === undefined) throw new Error('no path')
    const [before, after, scrape] = ['token-before-the-reload', 'token-after-the-reload', 'token-of-the-figures']
    const settings = { tokens: ['${file:./secret}', '${SCRAPE_TOKEN} read'] }
    writeFileSync(secret, `${before}\n`, { mode: 0o600 })
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(fileOf(['one'])) as object), admin: settings }))
    const env = { ...place.env, SCRAPE_TOKEN: scrape }
    const mcplex = await mcplexForTest({ env, file, options: ['--admin', '127.0.0.1:0'] })
    const { url = '', token } = place.placesOf(mcplex.pid)
    expect(token).toBeUndefined()
    const statusOf = async (path: string, own: string, method = 'GET'): Promise<number> =>
      (await askAt(url, path, { method, headers: { Authorization: `Bearer ${own}` } })).status
    expect([await statusOf('/metrics', scrape), await statusOf('/api/v1/drain', scrape, 'POST')]).toEqual([200, 403])
    expect([await statusOf('/api/v1/instance', before), await statusOf('/api/v1/instance', after)]).toEqual([200, 401])

    writeFileSync(secret, `${after}\n`, { mode: 0o600 })
    await eventually('the other token is accepted', async () => (await statusOf('/api/v1/instance', after)) === 200)
    expect([await statusOf('/api/v1/instance', before), await statusOf('/metrics', scrape)]).toEqual([401, 200])
    const said = JSON.stringify(mcplex.log)
    expect(said).toContain('the tokens for operators were read again')
    for (const one of [before, after, scrape]) expect(said).not.toContain(one)
    expect(said).not.toContain('needs_restart')
  },
)

test(
  'two signals end an mcplex whose reload waits for a server, and the verb says so',
  { timeout: 60_000 },
  async () => {
    const place = runtimeFolder()
    onTestFinished(() => place.remove())
    const file = join(place.folder, '..', 'mcplex.json')
    writeFileSync(file, fileOf(['one']))
    const mcplex = await mcplexForTest({ env: place.env, file, options: ['--admin', '127.0.0.1:0'] })
    const { url = '' } = place.placesOf(mcplex.pid)
    const hanging = { command: [process.execPath, '-e', 'process.stdin.resume()'] }
    writeFileSync(file, JSON.stringify({ version: 1, upstreams: { one: hanging } }))
    const reloading = place.run('reload', '--admin', url)
    await eventually('the reload has begun', () =>
      mcplex.log.some(({ msg }) => msg === 'reading the configuration again'),
    )
    const before = mcplex.servers()
    mcplex.signal('SIGTERM')
    mcplex.signal('SIGTERM')
    await mcplex.exited
    expect((await reloading).code).not.toBe(0)
    await eventually('no process is left', () => before.every((pid) => !runs(pid)))
  },
)

test('an mcplex without a file says so', async () => {
  const place = runtimeFolder()
  onTestFinished(() => place.remove())
  const mcplex = await mcplexForTest({ env: place.env, options: ['--admin', '127.0.0.1:0'] })
  const { code, stderr } = await place.run('reload', '--admin', place.placesOf(mcplex.pid).url ?? '')
  expect([code, stderr]).toEqual([78, expect.stringContaining('no file that can be read again') as string])
})
