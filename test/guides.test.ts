/** The guides for tenants: every command of them runs, in order, in an empty folder, and does what they say. */
import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { eventually } from './support/eventually.ts'

const root = join(import.meta.dirname, '..')
const timeout = 180_000

interface Shell {
  /** Runs commands in the shell of the one who reads. @returns what they printed */
  run(commands: string): Promise<string>
  /** Begins commands that do not end. */
  begin(commands: string): void
}

interface Guide extends Shell {
  /** The commands of the guide, block by block. */
  readonly blocks: readonly string[]
  /** The address of mcplex. */
  readonly origin: string
  /** A further terminal in the same folder. */
  open(): Shell
}

/** An empty folder with the file of a guide; servers from npm are those that are installed here. */
async function follow(name: string): Promise<Guide> {
  const origin = `http://127.0.0.1:${await freePort()}`
  const text = readFileSync(join(root, 'docs', name), 'utf8').replaceAll('http://127.0.0.1:8080', origin)
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-guide-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const [programs, runtime] = [join(folder, '.programs'), join(folder, '.runtime')]
  for (const path of [programs, runtime]) mkdirSync(path, { mode: 0o700 })
  const mcplex = join(programs, 'mcplex')
  writeFileSync(mcplex, `#!/bin/sh\nexec '${process.execPath}' '${join(root, 'dist/cli/main.js')}' "$@"\n`)
  chmodSync(mcplex, 0o755)
  const blocksOf = (language: string): string[] =>
    [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, block = '']) => block)
  const file = (blocksOf('yaml')[0] ?? '').replaceAll(
    /npx, -y, '(@modelcontextprotocol\/[a-z-]+)'/g,
    (_, packaged: string) => `'${process.execPath}', '${programOf(packaged)}'`,
  )
  writeFileSync(join(folder, 'mcplex.yaml'), file)
  const env = {
    PATH: [programs, dirname(process.execPath), process.env['PATH']].join(delimiter),
    HOME: folder,
    TMPDIR: folder,
    XDG_RUNTIME_DIR: runtime,
    MCPLEX_LISTEN__PORT: new URL(origin).port,
  }
  const open = (): Shell => openShell(folder, env)
  return { blocks: blocksOf('sh'), origin, open, ...open() }
}

function openShell(cwd: string, env: Readonly<Record<string, string>>): Shell {
  const child = spawn('bash', [], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
  // With all that it has started.
  onTestFinished(() => void (child.pid !== undefined && process.kill(-child.pid, 'SIGKILL')))
  let said = ''
  for (const output of [child.stdout, child.stderr])
    output.setEncoding('utf8').on('data', (piece: string) => (said += piece))
  let count = 0
  return {
    begin: (commands) => void child.stdin.write(`${commands}\n`),
    async run(commands) {
      const from = said.length
      const end = `end of commands ${++count}`
      child.stdin.write(`${commands}\necho '${end}'\n`)
      await eventually(`the end of ${commands}`, () => said.slice(from).includes(end))
      return said.slice(from).replace(`${end}\n`, '')
    },
  }
}

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
  const address = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return typeof address === 'object' && address ? address.port : 0
}

function programOf(packaged: string): string {
  const folder = join(root, 'node_modules', packaged)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin: Record<string, string> }
  return join(folder, Object.values(bin)[0] ?? '')
}

/** Starts mcplex in a terminal of its own, as the guide says. */
async function up({ open, origin }: Guide, command = 'mcplex up'): Promise<void> {
  open().begin(command)
  await eventually('mcplex is ready', () =>
    fetch(`${origin}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
}

test('docs/first-teams.md, from nothing to a refused call', { timeout }, async () => {
  const guide = await follow('first-teams.md')
  const [check, start, keys, ask, first, hidden, wrong, often, look, config] = guide.blocks
  expect(guide.blocks).toHaveLength(10)
  const run = (block = ''): Promise<string> => guide.run(block)
  expect(await run(check)).not.toMatch(/error|✗/i)
  await up(guide, start)
  expect(await run(keys)).toMatch(/sam[^]*rita|rita[^]*sam/)
  await run(ask)
  await eventually('the keys are known', async () => !(await run(`ask "$RESEARCH" ping '{}'`)).includes('unauthorized'))
  const served = await run(first)
  const names = [...served.matchAll(/"name":"([a-z]+__[a-z_]+)"/g)].map(([, name = '']) => name)
  const both = names.filter((name, at) => names.indexOf(name) !== at)
  expect(both.toSorted()).toEqual(both.filter((name) => /^(notes__(read|list)_|thinking__)/.test(name)).toSorted())
  expect(both).toContain('thinking__sequentialthinking')
  expect(names.filter((name) => name.startsWith('memory__')).length).toBeGreaterThan(3)
  expect(names.filter((name) => name === 'notes__write_file')).toHaveLength(1)
  expect(served).toContain('Our first note.')
  const refused = await run(hidden)
  expect(refused.match(/This endpoint has no tool of this name\./g)).toHaveLength(2)
  expect(await run('cat notes/first.txt')).toBe('Our first note.\n')
  expect(await run(wrong)).toMatch(/HTTP 401[^]*the exit code is 77/)
  expect(await run(often)).toMatch(/rate_limited.*retryAfterMs|retryAfterMs.*rate_limited/)
  const looked = await run(look)
  expect(looked).toMatch(/^support .*\n[^]*^research /m)
  expect(looked).toContain('30/h, burst 10')
  expect(await run(config)).toContain('MCPLEX_API_KEY')
})

test('docs/choose-limits.md, from a guess to a limit', { timeout }, async () => {
  const guide = await follow('choose-limits.md')
  const [show, change, look] = guide.blocks
  expect(guide.blocks).toHaveLength(3)
  const run = (block = ''): Promise<string> => guide.run(block)
  await up(guide)
  const call = `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"echo","arguments":{"message":"x"}}}`
  const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"shell","version":"1"}}}`
  const calls = `printf '%s\\n' '${initialize}' '{"jsonrpc":"2.0","method":"notifications/initialized"}' ${Array.from({ length: 15 }, () => `'${call}'`).join(' ')} | mcplex connect ${guide.origin}/mcp`
  expect((await run(calls)).match(/Echo: x/g)).toHaveLength(15)
  const shown = await run(show)
  expect(shown).toContain('(dry run)')
  const { limits } = JSON.parse(shown.trim().split('\n').at(-1) ?? '') as {
    limits: ReadonlyArray<{ scope: string; allowed: number; refused: number; wouldRefuse: number }>
  }
  expect(limits.map(({ scope }) => scope).toSorted()).toEqual(['subject', 'tenant', 'tool'])
  expect(limits.map(({ refused }) => refused)).toEqual([0, 0, 0])
  expect(limits.find(({ scope }) => scope === 'tool')).toMatchObject({ allowed: 5, wouldRefuse: 10 })
  await run(change)
  const after = await run(calls)
  expect(after).toContain('rate_limited')
  expect(await run(look)).toMatch(/^default .* [1-9]\d* +\d+$/m)
})
