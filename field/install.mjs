// Installs the clients, each in its folder, unless they are there: `node field/install.mjs`, or by name.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { installPinned } from '../scripts/install-pinned.mjs'

const folder = join(import.meta.dirname, 'clients')

/** The clients by name: each is a folder. */
export const clients = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

/**
 * Throws when that fails. A client without a list of packages is one of the root's.
 * @param {readonly string[]} names
 */
export function install(names) {
  for (const name of names) if (existsSync(join(folder, name, 'package.json'))) installPinned(join(folder, name))
}

if (import.meta.filename === process.argv[1]) install(process.argv.length > 2 ? process.argv.slice(2) : clients)
