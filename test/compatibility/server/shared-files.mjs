// Files that all processes of the server share, so that it does not matter which of them gets a call.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = /^--notes=(.+)$/.exec(process.argv[3] ?? '')?.[1] ?? process.env['FEATURE_NOTES']
if (folder === undefined) throw new Error('say --notes=<an existing folder>, or FEATURE_NOTES to a module')

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
