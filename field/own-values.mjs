// Many clients of one kind before a server that keeps state of its client: does each find its own?

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { startGateway } from '../conformance/gateway.mjs'
import { clientOf } from './clients.mjs'
import { runProgram } from './run-program.mjs'

const player = join(import.meta.dirname, 'clients', 'many-clients.mjs')

/**
 * One kind of client before one server, behind mcplex as it is by default. Each stores a value and reads its own. The
 * clients that ask for the stateless revision first have done so, and got a session nevertheless.
 * @param {string} node  to run the clients on
 * @param {string} client
 * @param {'old' | 'dual'} speaks
 * @param {number} count  how many of it at once
 * @returns {Promise<{ missing?: string, wrong: string[] }>} what is wrong, or why it could not be tried
 */
export async function ownValues(node, client, speaks, count) {
  const notes = mkdtempSync(join(tmpdir(), 'mcplex-field-'))
  let [asked, sessions] = [0, 0]
  const server = ['test/compatibility/server/server.mjs', `--speaks=${speaks}`, `--notes=${notes}`]
  const gateway = await startGateway('serve', ['--log-level', 'info', '--', process.execPath, ...server], (line) => {
    if (line.includes('"code":"discover_refused"')) asked++
    if (line.includes('"msg":"session begins"')) sessions++
  })
  const wrong = []
  let missing
  try {
    const { found = [], missing: reason } = await runProgram(node, [player, client, gateway.url, String(count)])
    missing = reason
    const strange = found.filter((/** @type {string} */ value, /** @type {number} */ number) => {
      return value !== `value ${number}`
    })
    if (found.length !== count || strange.length > 0) wrong.push(`not their own: ${JSON.stringify(strange)}`)
    if (clientOf(client).asksStateless && asked < count)
      wrong.push(`${asked} of ${count} have asked for the stateless revision`)
    if (sessions < count) wrong.push(`${sessions} sessions for ${count}`)
  } catch (error) {
    wrong.push(String(error))
  }
  const complaint = await gateway.stop()
  if (complaint !== undefined) wrong.push(complaint)
  rmSync(notes, { recursive: true, force: true })
  return missing === undefined ? { wrong } : { missing, wrong: [] }
}
