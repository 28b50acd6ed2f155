// Claude Code, as a program that is asked once and calls the tools that its model wants.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { messages } from '../../models/messages.mjs'
import { startProgram } from '../../program.mjs'

const packaged = `node_modules/@anthropic-ai/claude-code-${process.platform}-${process.arch}/claude`
const command = fileURLToPath(new URL(packaged, import.meta.url))

/** Why it cannot run on this machine; undefined if it can. */
export const missing = existsSync(command) ? undefined : 'there is no build of it for this machine'

/** @type {import('../many-clients.mjs').Connect} */
export const connect = (url) =>
  startProgram({
    name: 'Claude Code',
    dialect: messages,
    prefix: 'mcp__field__',
    command,
    prepare(_home, model) {
      const servers = JSON.stringify({ mcpServers: { field: { type: 'http', url } } })
      const options = ['--mcp-config', servers, '--strict-mcp-config', '--allowedTools', 'mcp__field']
      return {
        args: ['-p', 'Do as your model says.', ...options],
        env: {
          ANTHROPIC_BASE_URL: model,
          ANTHROPIC_API_KEY: 'none',
          CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
          DISABLE_AUTOUPDATER: '1',
          // All tools are listed to the model, not only those that it searches for.
          ENABLE_TOOL_SEARCH: 'false',
        },
      }
    },
  })
