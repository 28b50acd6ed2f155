// Notes that every process of the server shares, as files: which of several processes a call went to does not matter.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = /^--notes=(.+)$/.exec(process.argv[3] ?? '')?.[1]
if (folder === undefined) {
  process.stderr.write('say --notes=<an existing folder>\n')
  process.exit(2)
}

const pathOf = (/** @type {string} */ about, /** @type {string} */ key) =>
  join(folder, encodeURIComponent(`${about} ${key}`))

/** @param {string} about @param {string} key @param {string} note */
export const write = (about, key, note) => writeFileSync(pathOf(about, key), note)

/** @param {string} about @param {string} key */
export function read(about, key) {
  try {
    return readFileSync(pathOf(about, key), 'utf8')
  } catch {
    return undefined
  }
}
