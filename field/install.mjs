// Installs the clients and the servers, each in its folder, unless they are there.
//
//   node field/install.mjs [client or server...] [--all]     without names, those that CI tries

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { installPinned } from '../scripts/install-pinned.mjs'
import { clientOf, clients } from './clients.mjs'
import { servers } from './servers.mjs'

const here = import.meta.dirname

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

/**
 * Whether CI tries it: the faster ones of the clients, and the servers that the root has installed anyway.
 * @param {string} name
 */
export const isQuick = (name) =>
  clients.includes(name) ? clientOf(name).isSlow !== true : !existsSync(join(here, 'servers', name))

/**
 * Installs several, two at a time, each by a process of its own. Throws when one fails.
 * @param {string[]} names
 */
async function installEach(names) {
  const lane = async () => {
    for (let name = names.shift(); name !== undefined; name = names.shift()) {
      const child = spawn(process.execPath, [import.meta.filename, name], { stdio: 'inherit' })
      const [code] = await once(child, 'close')
      if (code !== 0) throw new Error(`${name} could not be installed`)
    }
  }
  await Promise.all([lane(), lane()])
}

if (import.meta.filename === process.argv[1]) {
  const names = process.argv.slice(2)
  const unknown = names.find((name) => name !== '--all' && ![...clients, ...servers].includes(name))
  if (unknown !== undefined) throw new Error(`no client or server named ${unknown}`)
  const isMeant = (/** @type {string} */ name) =>
    names.length > 0 ? names.includes('--all') || names.includes(name) : isQuick(name)
  const meant = [...clients, ...servers].filter(isMeant)
  if (meant.length > 1) await installEach(meant)
  else {
    install(clients.filter(isMeant))
    installServers(servers.filter(isMeant))
  }
}
