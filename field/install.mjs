// Installs the clients and the servers, each in its folder, unless they are there: `node field/install.mjs`, or by name.

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { installPinned } from '../scripts/install-pinned.mjs'

const here = import.meta.dirname

/** The clients by name: each is a folder. */
export const clients = readdirSync(join(here, 'clients'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

/**
 * Throws when that fails. A client without a list of packages is one of the root's.
 * @param {readonly string[]} names
 */
export const install = (names) => installIn('clients', names)

/**
 * The same for servers, whose names `servers.mjs` has.
 * @param {readonly string[]} names
 */
export const installServers = (names) => installIn('servers', names)

/**
 * @param {'clients' | 'servers'} kind
 * @param {readonly string[]} names
 */
function installIn(kind, names) {
  for (const name of names) {
    const folder = join(here, kind, name)
    if (existsSync(join(folder, 'package.json'))) installPinned(folder)
  }
}

if (import.meta.filename === process.argv[1]) {
  const names = process.argv.slice(2)
  install(names.length > 0 ? names : clients)
  installServers(names)
}
