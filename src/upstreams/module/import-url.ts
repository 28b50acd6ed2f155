/** The URL to import a file by, so that what runs is the file as it is now: Node loads each URL once. */
import { realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

interface Import {
  readonly url: string
  /** A text that changes whenever the file does. */
  readonly stamp: string
}

const name = Symbol.for('mcplex.module-imports.1')

/** The last import of each path: kept where Node keeps what it has loaded, with the process or thread. */
function lastImports(): Map<string, Import> {
  const holder = globalThis as { [name]?: Map<string, Import> }
  return (holder[name] ??= new Map())
}

/**
 * A file that has changed since its last import gets another URL. What it imports itself keeps its URLs, and stays as it
 * was first loaded.
 * @param path absolute
 */
export function importUrl(path: string): string {
  const imports = lastImports()
  const stamp = stampOf(path)
  const last = imports.get(path)
  if (last?.stamp === stamp) return last.url
  const plain = pathToFileURL(path).href
  const url = last ? `${plain}?changed=${encodeURIComponent(stamp)}` : plain
  if (last) forgetCommonJs(path)
  imports.set(path, { url, stamp })
  return url
}

function stampOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path)
    return `${mtimeMs}-${size}-${ino}`
  } catch {
    // The import says what is wrong.
    return 'none'
  }
}

/** A CommonJS module is kept by its path, whatever URL it is imported by. */
function forgetCommonJs(path: string): void {
  try {
    delete createRequire(import.meta.url).cache[realpathSync(path)]
  } catch {
    // There is no such file any more.
  }
}
