// Codex, as a program that is asked once and calls the tools that its model wants.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { responses } from '../../models/responses.mjs'
import { startProgram } from '../../program.mjs'

const builds = { 'linux-x64': 'x86_64-unknown-linux-musl', 'darwin-arm64': 'aarch64-apple-darwin' }
const machine = `${process.platform}-${process.arch}`
const build = Object.entries(builds).find(([name]) => name === machine)?.[1]
const packaged = `node_modules/@openai/codex-${machine}/vendor/${build}/bin/codex`
const command = fileURLToPath(new URL(packaged, import.meta.url))

/** Why it cannot run on this machine; undefined if it can. */
export const missing = existsSync(command) ? undefined : 'there is no build of it for this machine'

/** @type {import('../many-clients.mjs').Connect} */
export async function connect(url) {
  const program = await startProgram({
    name: 'Codex',
    dialect: responses,
    prefix: 'mcp__field',
    command,
    prepare(home, model) {
      const folder = join(home, '.codex')
      mkdirSync(folder)
      writeFileSync(join(folder, 'config.toml'), configuration(url, model))
      const options = ['--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox']
      return { args: ['exec', ...options, 'Do as your model says.'], env: { CODEX_HOME: folder } }
    },
  })
  // It knows a tool by a name with underscores.
  return { ...program, call: (name, args) => program.call(name.replaceAll('-', '_'), args) }
}

/**
 * @param {string} url
 * @param {string} model
 */
const configuration = (url, model) => `model = "field"
model_provider = "field"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.field]
name = "field"
base_url = "${model}"
wire_api = "responses"
[mcp_servers.field]
url = "${url}"
required = true
`
