// Claude Code, as a program that is asked once and calls the tools that its model wants: the model is ours.
//
// Promises: nothing leaves this machine but to the endpoint under test; a home of its own for each, removed at the end.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { startModel } from './model.mjs'

const KEPT_CHARS = 2_000
const ENDED_WITHIN_MS = 15_000

const packaged = `node_modules/@anthropic-ai/claude-code-${process.platform}-${process.arch}/claude`
const program = fileURLToPath(new URL(packaged, import.meta.url))

/** Why it cannot run on this machine; undefined if it can. */
export const missing = existsSync(program) ? undefined : 'there is no build of it for this machine'

/** @type {import('../play.mjs').Connect} */
export async function connect(url) {
  const home = mkdtempSync(join(tmpdir(), 'mcplex-field-'))
  const model = await startModel('mcp__field__')
  const servers = JSON.stringify({ mcpServers: { field: { type: 'http', url } } })
  const options = ['--mcp-config', servers, '--strict-mcp-config', '--allowedTools', 'mcp__field']
  const child = spawn(program, ['-p', 'Do as your model says.', ...options], {
    cwd: home,
    env: {
      PATH: process.env['PATH'],
      HOME: home,
      ANTHROPIC_BASE_URL: model.url,
      ANTHROPIC_API_KEY: 'none',
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
      DISABLE_AUTOUPDATER: '1',
      // All tools are listed to the model, not only those that it searches for.
      ENABLE_TOOL_SEARCH: 'false',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const pipe of [child.stdout, child.stderr])
    pipe.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-KEPT_CHARS)))
  const ended = once(child, 'close').then(([code]) => {
    model.fail(new Error(`Claude Code ended with ${code}: ${said}`))
  })
  return {
    call: (name, args) => model.call(name, args),
    async close() {
      model.finish()
      const force = setTimeout(() => child.kill('SIGKILL'), ENDED_WITHIN_MS)
      await ended
      clearTimeout(force)
      await model.close()
      rmSync(home, { recursive: true, force: true })
    },
  }
}
