/** Modules that lack something, loaded by the built code in a Node of its own: what it has not found, it keeps. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

/** Loads modules one after the other, and prints how each ends. Before the last one, the package `late` is installed. */
const program = `
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadFactory } from ${JSON.stringify(join(root, 'dist/upstreams/module/load-module.js'))}
const ends = []
for (const file of ['late.mjs', 'path.mjs', 'require.cjs', 'part.mjs', 'late.mjs']) {
  ends.push(await loadFactory(file).then(() => 'loaded', ({ message }) => message))
  if (file !== 'part.mjs') continue
  mkdirSync('node_modules/late')
  writeFileSync('node_modules/late/package.json', '{"exports":{"./make":"./make.mjs"}}')
  writeFileSync('node_modules/late/make.mjs', 'export const make = () => 1')
}
console.log(JSON.stringify(ends))
`

test('what is missing is named, and what was installed meanwhile is found without a restart', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-late-'))
  try {
    mkdirSync(join(folder, 'node_modules/@a/b'), { recursive: true })
    writeFileSync(join(folder, 'late.mjs'), "import { make } from 'late/make'\nexport default make")
    writeFileSync(join(folder, 'path.mjs'), "import './none.mjs'")
    writeFileSync(join(folder, 'require.cjs'), "require('./none.cjs')")
    writeFileSync(join(folder, 'part.mjs'), "import '@a/b/none.mjs'")
    const args = ['--input-type=module', '-e', program]
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder })
    expect(JSON.parse(stdout)).toEqual([
      'late.mjs cannot be loaded: late is not installed: npm install late',
      expect.stringMatching(/^path\.mjs cannot be loaded: there is no \/.*none\.mjs$/),
      expect.stringMatching(/^require\.cjs cannot be loaded: there is no \.\/none\.cjs$/),
      expect.stringMatching(
        /there is no \/.*@a\/b\/none\.mjs\. If @a\/b was installed while mcplex was running, start/,
      ),
      'loaded',
    ])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
