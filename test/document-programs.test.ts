/** The programs of docs/tools.md: the module is the one that `mcplex init --tools` writes, and the program runs. */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { newTools } from '../src/cli/commands/init/tools-template.ts'
import { eventually } from './support/eventually.ts'
import { openSession } from './support/session.ts'

const root = join(import.meta.dirname, '..')
const guide = readFileSync(join(root, 'docs', 'tools.md'), 'utf8')

/** The block of the guide that begins with a comment of this file name. */
function programIn(name: string): string {
  const found = [...guide.matchAll(/^```(?:js|ts)\n\/\/ (\S+)\n([^]*?)^```$/gm)].find(([, file]) => file === name)
  if (found?.[2] === undefined) throw new Error(`docs/tools.md has no ${name}`)
  return found[2]
}

test('the module in the guide is what mcplex init --tools writes, without its comments', () => {
  const written = newTools.replaceAll(/^ *\/\/ .*\n/gm, '')
  expect(written).toContain(programIn('tools.mjs'))
})

test('the program in the guide counts the visits of each session', async () => {
  // Below the root, so that it finds the package under its name, as it does where it is installed.
  const out = join(root, 'out')
  mkdirSync(out, { recursive: true })
  const folder = mkdtempSync(join(out, 'document-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const usual = `listen(8080, '127.0.0.1', () => console.log('http://127.0.0.1:8080/mcp'))`
  const anyPort = `listen(0, '127.0.0.1', function () { console.log(\`port \${this.address().port}.\`) })`
  const program = programIn('visits.ts')
  expect(program).toContain(usual)
  writeFileSync(join(folder, 'visits.mts'), program.replace(usual, anyPort))
  const child = spawn(process.execPath, ['--import', 'tsx', join(folder, 'visits.mts')], {
    cwd: root,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  const port = await eventually('the program to listen', () => /port (\d+)\./.exec(said)?.[1])
  const url = `http://127.0.0.1:${port}/mcp`
  const [ada, bob] = [await openSession(url), await openSession(url)]
  expect(await ada.text('visit')).toMatch(/visit 1\.$/)
  expect(await ada.text('visit')).toMatch(/visit 2\.$/)
  expect(await bob.text('visit')).toMatch(/visit 1\.$/)
})
