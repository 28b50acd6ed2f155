// The servers that people run, as the field starts them: from packages in one version each, without a key or a network.
//
// `servers/` has a folder for each with its package and its lock; the reference servers are dependencies of the root.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const folder = join(import.meta.dirname, 'servers')

/**
 * @typedef {object} Known
 * @property {string} package
 * @property {string} main                    its file, within the package
 * @property {readonly string[]} [args]
 * @property {Readonly<Record<string, string>>} [env]  what it needs to start: words in the place of keys
 */

/** @type {Readonly<Record<string, Known>>} */
const known = {
  brave: { package: '@brave/brave-search-mcp-server', main: 'dist/index.js', env: { BRAVE_API_KEY: 'none' } },
  chart: { package: '@antv/mcp-server-chart', main: 'build/index.js' },
  'chrome-devtools': {
    package: 'chrome-devtools-mcp',
    main: 'build/src/bin/chrome-devtools-mcp.js',
    args: ['--no-usage-statistics'],
  },
  'code-runner': { package: 'mcp-server-code-runner', main: 'dist/cli.js' },
  context7: { package: '@upstash/context7-mcp', main: 'dist/index.js' },
  // It sends nothing and opens no page; what its flags say would come from its maker's site.
  'desktop-commander': {
    package: '@wonderwhy-er/desktop-commander',
    main: 'dist/index.js',
    args: ['--no-onboarding'],
    env: { DESKTOP_COMMANDER_DISABLE_TELEMETRY: '1', DC_FLAG_URL: 'data:application/json,{"flags":{}}' },
  },
  everything: { package: '@modelcontextprotocol/server-everything', main: 'dist/index.js', args: ['stdio'] },
  filesystem: { package: '@modelcontextprotocol/server-filesystem', main: 'dist/index.js', args: ['.'] },
  firecrawl: { package: 'firecrawl-mcp', main: 'dist/index.js', env: { FIRECRAWL_API_KEY: 'none' } },
  kubernetes: { package: 'mcp-server-kubernetes', main: 'dist/index.js' },
  memory: { package: '@modelcontextprotocol/server-memory', main: 'dist/index.js' },
  mongodb: { package: 'mongodb-mcp-server', main: 'dist/esm/index.js', env: { MDB_MCP_TELEMETRY: 'disabled' } },
  notion: { package: '@notionhq/notion-mcp-server', main: 'bin/cli.mjs', env: { NOTION_TOKEN: 'none' } },
  playwright: { package: '@playwright/mcp', main: 'cli.js', args: ['--headless'] },
  sentry: { package: '@sentry/mcp-server', main: 'dist/index.js', env: { SENTRY_ACCESS_TOKEN: 'none' } },
  shadcn: { package: 'shadcn', main: 'dist/index.js', args: ['mcp'] },
  tavily: { package: 'tavily-mcp', main: 'build/index.js', env: { TAVILY_API_KEY: 'none' } },
  thinking: { package: '@modelcontextprotocol/server-sequential-thinking', main: 'dist/index.js' },
}

/** The servers by name, in alphabetical order. */
export const servers = Object.keys(known)

/**
 * How to start a server: what Node is to run, and the variables that it needs. Nothing is installed: see `install.mjs`.
 * Throws if there is no server of that name.
 * @param {string} name
 * @returns {{ args: string[], env: Record<string, string>, package: string, version: string }}
 */
export function serverCommand(name) {
  const server = known[name]
  if (server === undefined) throw new Error(`no server named ${name}; there are ${servers.join(', ')}`)
  const own = join(folder, name)
  const home = existsSync(join(own, 'package.json')) ? own : root
  const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  const version = { ...manifest.devDependencies, ...manifest.dependencies }[server.package]
  const main = join(home, 'node_modules', server.package, server.main)
  return { args: [main, ...(server.args ?? [])], env: { ...server.env }, package: server.package, version }
}
