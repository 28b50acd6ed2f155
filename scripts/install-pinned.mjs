/**
 * Sees to it that the packages of a folder that lives apart from the root are installed in the versions that it names.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Runs `npm ci` in a folder unless every package that it pins is there in its version. Throws when that fails. No script
 * of a package is run.
 * @param {string} folder
 */
export function installPinned(folder) {
  const { name, dependencies } = read(join(folder, 'package.json'))
  const isThere = Object.entries(dependencies).every(([wanted, pin]) => {
    const path = join(folder, 'node_modules', wanted, 'package.json')
    return existsSync(path) && read(path).version === pin.slice(pin.lastIndexOf('@') + 1)
  })
  if (isThere) return
  process.stderr.write(`${name}: installing\n`)
  const { status } = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
  })
  if (status !== 0) throw new Error(`npm ci failed in ${folder}`)
}

/** @param {string} path */
const read = (path) => JSON.parse(readFileSync(path, 'utf8'))
