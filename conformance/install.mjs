// Sees to it that the suites are installed in this folder, and that there is a Node new enough for them.
//
// The suites need Node 22 or later, mcplex runs on 20: so the suites run on the Node of an npm package where there
// is one for the machine (Linux, x64), else on the Node that runs this, if that is new enough.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { installPinned } from '../scripts/install-pinned.mjs'

const OLDEST_MAJOR = 22

const here = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url))

/** Installs the suites unless they are there in their versions. Throws when that fails. */
export const installSuites = () => installPinned(here('.'))

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
