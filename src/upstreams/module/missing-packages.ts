/**
 * Packages that a module imports and that are not installed where it looks for them. They are looked for without Node: it
 * keeps for as long as it runs that a package was not there, and would not find one that is installed later.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** More of a file than imports at its beginning take, in characters. */
const maxChars = 100_000

const space = String.raw`(?:\s|;|//[^\n]*\n|/\*[^]*?\*/|#![^\n]*\n|'use strict'|"use strict")*`
/** One import as it stands at the beginning of a module, before anything else. */
const importStatement = new RegExp(
  String.raw`${space}import(?![\w$]|\s*[(.])\s*(?:[\w$*{},\s]+?\sfrom\s*|\{[\w$*,\s]*\}\s*from\s*)?(['"])([^'"\n]+)\1(?:\s*with\s*\{[^}]*\})?`,
  'y',
)

/**
 * The packages that the imports at the beginning of a JavaScript module name, and that are not installed for it; those that
 * it imports further below, or in other files, are not looked for. Nothing for other files, and where packages are not found
 * in folders.
 * @param file absolute
 */
export function missingPackages(file: string): string[] {
  // What TypeScript imports as a type alone need not be there.
  if (!/\.m?js$/.test(file) || process.versions['pnp'] !== undefined) return []
  try {
    const folder = dirname(realpathSync(file))
    const names = importedPackages(readFileSync(file, 'utf8').slice(0, maxChars))
    return names.filter((name) => !isInstalled(name, folder))
  } catch {
    // The import says what is wrong.
    return []
  }
}

/** What installs packages; mcplex is this very copy, which need not be the package of that name in a registry. */
export function installCommand(names: readonly string[]): string {
  const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/[\\/]$/, '')
  const shown = /^[\w./-]+$/.test(root) ? root : JSON.stringify(root)
  return `npm install ${names.map((name) => (name === 'mcplex' ? shown : name)).join(' ')}`
}

/** The package of a specifier, such as `@scope/name` of `@scope/name/part`. */
export function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

function importedPackages(text: string): string[] {
  const names = new Set<string>()
  importStatement.lastIndex = 0
  for (let found = importStatement.exec(text); found; found = importStatement.exec(text)) {
    const specifier = found[2] ?? ''
    if (!/^[./#]|^[a-z]+:/i.test(specifier) && !isBuiltin(specifier)) names.add(packageOf(specifier))
  }
  return [...names]
}

function isInstalled(name: string, folder: string): boolean {
  let isInPackage = false
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, 'node_modules', name))) return true
    const file = join(at, 'package.json')
    if (!isInPackage && existsSync(file)) {
      isInPackage = true
      // A package may import itself by its name.
      if ((JSON.parse(readFileSync(file, 'utf8')) as { readonly name?: unknown }).name === name) return true
    }
    if (dirname(at) === at) return false
  }
}
