/** What modules print to stdout goes to stderr: stdout carries the protocol, or the one line of `--json`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { runCommand } from './support/typed-command.ts'

const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js')
const module = join(import.meta.dirname, 'fixtures', 'modules', 'prints.mjs')
const printed = ['while loading', 'as a table', 'for an object', 'by process.stdout', 'later']
let folder = ''
let file = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-prints-'))
  file = join(folder, 'mcplex.yaml')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function write(isolate: boolean): void {
  const text = `listen: { port: 0 }\nupstreams:\n  mine: { module: ${JSON.stringify(module)}, isolate: ${isolate} }\n`
  writeFileSync(file, text)
}

async function callWith(client: Client): Promise<string> {
  const { content } = await client.callTool({ name: 'echo', arguments: { text: 'hello' } })
  return JSON.stringify(content)
}

test.each([false, true])('stdout has the line of --json only (isolate: %s)', async (isolate) => {
  write(isolate)
  const running = runCommand(['up', '--json', '--config', file])
  try {
    const { endpoint } = await running.ready()
    const client = new Client({ name: 'test', version: '1' })
    await client.connect(new StreamableHTTPClientTransport(new URL(String(endpoint))))
    expect(await callWith(client)).toContain('hello')
    await client.close()
    await expect.poll(() => printed.filter((text) => !running.stderr().includes(text)), { timeout: 10_000 }).toEqual([])
    expect(running.stdout().trimEnd().split('\n')).toEqual([expect.stringContaining('"ready"')])
  } finally {
    running.child.kill('SIGTERM')
    await running.exit()
  }
})

test('stdout has the protocol only, with stdio', async () => {
  write(false)
  const args = [main, 'up', '--transport', 'stdio', '--config', file]
  const transport = new StdioClientTransport({ command: process.execPath, args, stderr: 'pipe' })
  let stderr = ''
  transport.stderr?.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  const client = new Client({ name: 'test', version: '1' })
  const strays: Error[] = []
  Object.assign(client, { onerror: (error: Error) => void strays.push(error) })
  try {
    await client.connect(transport)
    expect(await callWith(client)).toContain('hello')
    await expect.poll(() => printed.filter((text) => !stderr.includes(text)), { timeout: 10_000 }).toEqual([])
    expect(strays).toEqual([])
  } finally {
    await client.close()
  }
})
