// Sees to it that the suites are installed in this folder, and that there is a Node new enough for them.
//
// The suites need Node 22 or later, mcplex runs on 20: so the suites run on the Node of an npm package where there
// is one for the machine (Linux, x64), else on the Node that runs this, if that is new enough.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const OLDEST_MAJOR = 22

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url))
const readJson = (/** @type {string} */ path) => JSON.parse(readFileSync(path, 'utf8'))

/** Runs `npm ci` here unless every pinned package is there in its version. Throws when that fails. */
export function installSuites() {
  const wanted = readJson(here('package.json')).dependencies
  const isThere = Object.entries(wanted).every(([name, pin]) => {
    const path = here(`node_modules/${name}/package.json`)
    return existsSync(path) && readJson(path).version === pin.slice(pin.lastIndexOf('@') + 1)
  })
  if (isThere) return
  process.stderr.write('conformance: installing the suites\n')
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: here('.'), stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error('npm ci failed in conformance/')
}

/**
 * The Node to run the suites on.
 * @param {string | undefined} major  a certain one, or the oldest that will do
 */
export function suiteNode(major) {
  const packaged = here(`node_modules/node-${major ?? OLDEST_MAJOR}/bin/node`)
  if (existsSync(packaged)) return packaged
  const own = process.versions.node.split('.')[0]
  const isNewEnough = major === undefined ? Number(own) >= OLDEST_MAJOR : own === major
  if (isNewEnough) return process.execPath
  throw new Error(
    `the suites need Node ${major ?? `${OLDEST_MAJOR} or later`}; this is Node ${own}, and no package has it`,
  )
}

/**
 * The file to start a suite by.
 * @param {string} suite
 */
export const suiteMain = (suite) => here(`node_modules/${suite}/dist/index.js`)
