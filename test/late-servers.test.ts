/** The banner of `mcplex up` on a real terminal: a server that was starting stands there as ready, once it is. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openTerminal } from './support/terminal.ts'
import { fixture } from './support/typed-command.ts'

const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')

test('the line of a server that starts late is corrected, with the sum of all tools and what clients without sessions get', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-late-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [node = '', echo = ''] = fixture('echo-modern.mjs')
  const gate = join(folder, 'gate')
  const late = JSON.stringify(['/bin/sh', '-c', `until test -e ${gate}; do sleep 0.1; done; exec ${node} ${echo}`])
  const servers = `  one: { command: [${node}, ${echo}], pool: { spares: 0 } }\n  late: { command: ${late}, pool: { spares: 0 } }\n`
  writeFileSync(join(folder, 'mcplex.yaml'), `listen: { port: 0 }\nupstreams:\n${servers}`)
  const terminal = await openTerminal({ env: { XDG_RUNTIME_DIR: folder, TMPDIR: folder } })
  await terminal.run('stty rows 60')
  await terminal.run(`${process.execPath} ${main} up --no-color --config ${join(folder, 'mcplex.yaml')}`)
  await terminal.shows('press h for help')
  expect(terminal.screen()).toMatch(/ late {3}stdio {3}starting/)
  expect(terminal.screen()).toContain('because of late')
  expect(terminal.screen()).toContain('MCP 2025-03-26 … 2025-11-25')
  writeFileSync(gate, '')
  // The cursor is saved, goes up to the row, which is written again, and comes back.
  await terminal.shows(/\u001b7\u001b\[\d+A\r\u001b\[2K {13}late {3}stdio {3}\d+ tools\u001b8/)
  await terminal.shows(/\u001b\[2K {2}stateless {2}clients of 2026-07-28 need no session\u001b8/)
  await terminal.shows(/\u001b\[2K {2}Endpoint .* MCP 2025-03-26 … 2026-07-28\u001b8/)
  await terminal.shows(/late is ready: \d+ tools/)
  terminal.type('q')
  await terminal.shows('stopped')
})
