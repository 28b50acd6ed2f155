// A client that is a program of its own: it is asked once, and calls the tools that its model wants. The model is ours.
//
// Promises: a home of its own for each, removed at the end; no variable of this machine but PATH; it ends, if by force.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startModel } from './models/model.mjs'

const KEPT_CHARS = 2_000
const ENDED_WITHIN_MS = 15_000

/**
 * @typedef {object} Program
 * @property {string} name       as its makers write it
 * @property {import('./models/model.mjs').Dialect} dialect
 * @property {string} prefix     of the names under which it knows the tools of the server
 * @property {string} command
 * @property {(home: string, model: string) => { args: string[], env: Record<string, string> }} prepare
 *   writes what it needs into its home; given the address of its model, too
 */

/**
 * Starts the program.
 * @param {Program} program
 * @returns {Promise<import('./clients/many-clients.mjs').Client>}
 */
export async function startProgram({ name, dialect, prefix, command, prepare }) {
  const home = mkdtempSync(join(tmpdir(), 'mcplex-field-'))
  const model = await startModel(dialect, prefix)
  const { args, env } = prepare(home, model.url)
  const child = spawn(command, args, {
    cwd: home,
    env: { PATH: process.env['PATH'], HOME: home, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const pipe of [child.stdout, child.stderr])
    pipe.setEncoding('utf8').on('data', (text) => (said = (said + text).slice(-KEPT_CHARS)))
  const ended = once(child, 'close').then(([code]) => {
    model.fail(new Error(`${name} ended with ${code}: ${said}`))
  })
  return {
    tools: () => model.tools(),
    call: (tool, input) => model.call(tool, input),
    async close() {
      model.finish()
      const force = setTimeout(() => child.kill('SIGKILL'), ENDED_WITHIN_MS)
      await ended
      clearTimeout(force)
      await model.close()
      rmSync(home, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
