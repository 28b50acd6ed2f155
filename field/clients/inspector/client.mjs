// The command line of the Inspector: a program, and a session, for each call.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const file = 'node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js'
const main = fileURLToPath(new URL(file, import.meta.url))
const run = promisify(execFile)

/** @type {import('../many-clients.mjs').Connect} */
export function connect(url) {
  const home = mkdtempSync(join(tmpdir(), 'mcplex-field-'))
  /** @param {string[]} options */
  const ask = async (...options) => {
    const args = [main, '--cli', url, '--transport', 'http', '--method', ...options]
    const { stdout } = await run(process.execPath, args, { env: { PATH: process.env['PATH'], HOME: home } })
    return JSON.parse(stdout)
  }
  return {
    async tools() {
      const { tools } = await ask('tools/list')
      return tools.map((/** @type {{ name: string }} */ { name }) => name)
    },
    async call(name, args) {
      const pairs = Object.entries(args).flatMap(([key, value]) => ['--tool-arg', `${key}=${value}`])
      const { content } = await ask('tools/call', '--tool-name', name, ...pairs)
      return content[0].text
    },
    close: () => rmSync(home, { recursive: true, force: true, maxRetries: 3 }),
  }
}
