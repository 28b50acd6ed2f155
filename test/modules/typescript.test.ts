/** A module in TypeScript, on a machine where `tsx` is not installed: the oldest Node and a newer one. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { suiteNode } from '../../conformance/install.mjs'

const root = join(import.meta.dirname, '..', '..')
let folder = ''

/** A copy of mcplex, with all packages but tsx. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-typescript-'))
  const installed = join(folder, 'node_modules')
  mkdirSync(installed)
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== 'tsx' && name !== '.bin') symlinkSync(join(root, 'node_modules', name), join(installed, name))
  cpSync(join(root, 'dist'), join(installed, 'mcplex', 'dist'), { recursive: true })
  cpSync(join(root, 'package.json'), join(installed, 'mcplex', 'package.json'))
  writeFileSync(join(folder, 'mcplex.yaml'), 'upstreams: { mine: { module: ./tools.ts } }\n')
  writeFileSync(
    join(folder, 'tools.ts'),
    `import { McpServer } from '@modelcontextprotocol/server'
import { useCall } from 'mcplex/tools'
interface State { count: number }
export default function createServer(): McpServer {
  const server: McpServer = new McpServer({ name: 'typed', version: '1.0.0' })
  server.registerTool('count', {}, async () => {
    const count: number | undefined = await useCall<State>().session?.update('count', (before: number = 0) => before + 1)
    return { content: [{ type: 'text' as const, text: \`count \${count}\` }] }
  })
  return server
}
`,
  )
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const rpc = (message: object): string => JSON.stringify({ jsonrpc: '2.0', ...message })

/** Serves one client that calls once. */
function run(node: string): { status: number | null; stdout: string; stderr: string } {
  const clientInfo = { name: 'test', version: '1' }
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
  const main = join(folder, 'node_modules', 'mcplex', 'dist', 'cli', 'main.js')
  return spawnSync(node, [main, 'up', '--transport', 'stdio'], {
    cwd: folder,
    env: { PATH: process.env['PATH'] ?? '' },
    encoding: 'utf8',
    timeout: 60_000,
    input: [
      rpc({ id: 1, method: 'initialize', params }),
      rpc({ method: 'notifications/initialized' }),
      rpc({ id: 2, method: 'tools/call', params: { name: 'count', arguments: {} } }),
      '',
    ].join('\n'),
  })
}

test('a Node that runs no TypeScript: one line says what to do', () => {
  expect(Number(process.versions.node.split('.')[0])).toBeLessThan(22)
  const { status, stderr } = run(process.execPath)
  expect(status).toBe(69)
  const said = `tools.ts is TypeScript, which Node ${process.version} does not run by itself. Use Node 22.18 or later, or run: npm install --save-dev tsx`
  const lines = stderr.split('\n').filter((line) => line.includes('TypeScript'))
  expect(lines).toEqual([expect.stringContaining(said)])
  expect(stderr).not.toMatch(/\n\s+at /)
})

test('a newer Node runs it by itself', () => {
  const { status, stdout } = run(suiteNode('24'))
  expect(stdout).toContain('count 1')
  expect(status).toBe(0)
})
