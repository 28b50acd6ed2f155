/**
 * Ten servers of npm that people run, through mcplex and directly: the same script gives the same answers, over HTTP and
 * over `serve --transport stdio`. The reference servers, which can do more without a network, are tried in every way by
 * transparency.test.ts.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { answersOf, failedIn, type Given, ownWay, playBy, stepsOf } from './compare.ts'
import { type Script, sdks } from './test-client.ts'
import { type Route, routes } from './routes.ts'
import { packages } from './scripts/packages.ts'

const install = join(import.meta.dirname, '..', '..', 'field', 'install.mjs')
/** Some hundred megabytes, where they are not there yet. */
const installMs = 15 * 60_000

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mcplex-packages-'))
  const names = packages.map(({ server }) => server)
  await promisify(execFile)(process.execPath, [install, ...names], { timeout: installMs })
}, installMs)
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Of the newer SDK, in a session; it can be asked everything. */
const [, sdk] = sdks
const ways = routes.filter(({ name }) => name === 'HTTP/1.1' || name === 'stdio')

function plays(script: Script, route?: Route): Promise<Given> {
  if (!sdk) throw new Error('there is no such client')
  return playBy(folder, script, sdk, stepsOf(sdk), (fixture) =>
    route ? ownWay(route, fixture) : Promise.resolve({ place: fixture }),
  )
}

test.each(packages)('$server gives the same directly, over HTTP and over stdio', async (script) => {
  const [wanted, ...given] = await Promise.all([plays(script), ...ways.map((route) => plays(script, route))])
  expect(failedIn(wanted)).toEqual(script.failing)
  expect(given.length).toBe(2)
  for (const [at, one] of given.entries())
    expect([ways[at]?.name, answersOf(one, false)]).toEqual([ways[at]?.name, answersOf(wanted, false)])
})
