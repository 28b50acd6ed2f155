/** Imports that have failed: Node keeps the error of each, so the next try needs a URL of its own. */

const name = Symbol.for('mcplex.failed-imports.1')

/** How often the import of each URL has failed: kept where Node keeps what it has loaded, with the process or thread. */
function failures(): Map<string, number> {
  const holder = globalThis as { [name]?: Map<string, number> }
  return (holder[name] ??= new Map())
}

/**
 * Imports a module as `import(url)` does, and loads it anew if the last import of this URL has failed: what it had needed
 * may be there by now. Modules that have failed in it, at a URL of their own, stay failed.
 */
export async function importAgain(url: string): Promise<Record<string, unknown>> {
  const failed = failures().get(url) ?? 0
  try {
    const separator = url.includes('?') ? '&' : '?'
    return (await import(failed === 0 ? url : `${url}${separator}try=${failed}`)) as Record<string, unknown>
  } catch (error) {
    failures().set(url, failed + 1)
    throw error
  }
}
