/**
 * Loads a module and finds its factory. TypeScript runs by Node's own type stripping (22.18 and later), or by `tsx` where
 * the module or mcplex can find it.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isObject } from '../../base/json.ts'
import { importAgain } from './failed-imports.ts'
import { importUrl } from './import-url.ts'
import { installCommand, missingPackages, packageOf } from './missing-packages.ts'
import type { ServerFactory } from './options.ts'

/** What is wrong with a module, in words for the operator. */
export class ModuleError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'ModuleError'
  }
}

/** The names under which a factory may be exported, beside a single function under any name. */
const factoryNames = ['default', 'createServer', 'createMcpServer']

/** Loads the module, as its file is now, and finds its factory. Throws `ModuleError`. */
export async function loadFactory(file: string): Promise<ServerFactory> {
  const path = resolve(file)
  return factoryIn(await load(path), basename(path))
}

async function load(path: string): Promise<Record<string, unknown>> {
  const missing = missingPackages(path)
  if (missing.length > 0) throw new ModuleError(`${basename(path)} cannot be loaded: ${notInstalled(missing)}`)
  try {
    return await importAgain(importUrl(path))
  } catch (error) {
    if (codeOf(error) === 'ERR_UNKNOWN_FILE_EXTENSION' && /\.[cm]?tsx?$/.test(path)) return loadByTsx(path)
    throw explained(error, path)
  }
}

async function loadByTsx(path: string): Promise<Record<string, unknown>> {
  const api = tsxNear(path)
  if (api === undefined)
    throw new ModuleError(
      `${basename(path)} is TypeScript, which Node ${process.version} does not run by itself. Use Node 22.18 or later, or run: npm install --save-dev tsx`,
    )
  try {
    const { tsImport } = (await import(pathToFileURL(api).href)) as {
      tsImport(specifier: string, parent: string): Promise<Record<string, unknown>>
    }
    // It loads the file anew each time.
    return await tsImport(pathToFileURL(path).href, import.meta.url)
  } catch (error) {
    throw explained(error, path)
  }
}

/** The file of tsx's programming interface, seen from the module, from the working directory, or from mcplex. */
function tsxNear(path: string): string | undefined {
  for (const from of [path, resolve('x.js'), import.meta.url]) {
    try {
      const description = createRequire(from).resolve('tsx/package.json')
      const { exports } = JSON.parse(readFileSync(description, 'utf8')) as {
        exports: { './esm/api': { import: { default: string } } }
      }
      // `require.resolve` finds another one, for CommonJS, which cannot load itself from a module.
      return join(dirname(description), exports['./esm/api'].import.default)
    } catch {
      // not installed there, or too old
    }
  }
  return undefined
}

/** Finds the factory in what a module exports. Throws `ModuleError`. */
function factoryIn(exported: Record<string, unknown>, name: string): ServerFactory {
  // A CommonJS module has its exports under `default`.
  const inner = exported['default']
  const all = isObject(inner) && !('connect' in inner) ? { ...exported, ...inner } : exported
  for (const key of factoryNames) if (isFactory(all[key])) return all[key]
  const functions = Object.values(all).filter(isFactory)
  const [only] = functions
  if (only && functions.length === 1) return only
  const servers = Object.entries(all).find(([, value]) => isServerObject(value))
  if (servers)
    throw new ModuleError(
      `${name} exports a server object (${servers[0]}), which can serve one client only. Export a function that makes one: export default () => { ...; return server }`,
    )
  const found = functions.length === 0 ? 'no function' : 'several functions, none of them as default'
  throw new ModuleError(
    `${name} exports ${found}. Export one that makes an MCP server: export default () => { ...; return server }`,
  )
}

function isFactory(value: unknown): value is ServerFactory {
  // A class is called with `new`.
  return typeof value === 'function' && !/^class\b/.test(Function.prototype.toString.call(value))
}

/** A server object of an official SDK, as far as it is used here. */
export interface ServerLike {
  connect(transport: object): Promise<void>
  close?(): Promise<void>
}

/** Whether it is a server object of an official SDK: what connects to a transport. */
export function isServerObject(value: unknown): value is ServerLike {
  return typeof value === 'object' && value !== null && 'connect' in value && typeof value.connect === 'function'
}

function explained(error: unknown, path: string): ModuleError {
  const code = codeOf(error)
  const words = error instanceof Error ? error.message : String(error)
  if (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') {
    if (!existsSync(path)) return new ModuleError(`there is no file ${path}`, error)
    const missing = /Cannot find (?:package|module) '([^']+)'/.exec(words)?.[1]
    const what = missing === undefined ? words : notFound(missing)
    return new ModuleError(`${basename(path)} cannot be loaded: ${what}`, error)
  }
  const kind = extname(path) === '.ts' && code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX' ? ' (install tsx for it)' : ''
  // Node tells the line of such an error only where it ends the process.
  const line = error instanceof SyntaxError ? `; node ${basename(path)} shows the line` : ''
  return new ModuleError(`${basename(path)} cannot be loaded: ${words}${kind}${line}`, error)
}

/** @param specifier a package, a part of one, or a path, as Node names it */
function notFound(specifier: string): string {
  const [, folder, rest = ''] = /^(.*[\\/]node_modules[\\/])(.+)$/.exec(specifier) ?? []
  if (folder === undefined)
    return /^[./]|^\w+:/.test(specifier) ? `there is no ${specifier}` : notInstalled([packageOf(specifier)])
  const name = packageOf(rest.replaceAll('\\', '/'))
  if (!existsSync(join(folder, name))) return notInstalled([name])
  return `there is no ${specifier}. If ${name} was installed while mcplex was running, start mcplex again: Node keeps what it has not found`
}

function notInstalled(names: readonly string[]): string {
  return `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} not installed: ${installCommand(names)}`
}

function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
}
