// Gemini CLI, as a program that is asked once and calls the tools that its model wants.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { generateContent } from '../../models/generate-content.mjs'
import { startProgram } from '../../program.mjs'

const main = fileURLToPath(new URL('node_modules/@google/gemini-cli/bundle/gemini.js', import.meta.url))

/** @type {import('../many-clients.mjs').Connect} */
export const connect = (url) =>
  startProgram({
    name: 'Gemini CLI',
    dialect: generateContent,
    prefix: 'mcp_field_',
    command: process.execPath,
    prepare(home, model) {
      mkdirSync(join(home, '.gemini'))
      const settings = {
        mcpServers: { field: { httpUrl: url, trust: true } },
        security: { auth: { selectedType: 'gemini-api-key' } },
        privacy: { usageStatisticsEnabled: false },
        general: { disableAutoUpdate: true },
      }
      writeFileSync(join(home, '.gemini', 'settings.json'), JSON.stringify(settings))
      return {
        args: [main, '--yolo', '--model', 'gemini-2.5-flash', '--prompt', 'Do as your model says.'],
        env: {
          GEMINI_API_KEY: 'none',
          GOOGLE_GEMINI_BASE_URL: model,
          GEMINI_CLI_TRUST_WORKSPACE: 'true',
          NO_BROWSER: 'true',
        },
      }
    },
  })
