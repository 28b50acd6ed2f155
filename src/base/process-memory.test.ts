import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { keptLimit } from './process-memory.ts'

test('the limit of the heap is that of the option that wins', () => {
  expect(keptLimit([])).toBeUndefined()
  expect(keptLimit(['--max-semi-space-size=64', ''])).toBeUndefined()
  expect(keptLimit(['--max-old-space-size=0'])).toBeUndefined()
  expect(keptLimit(['--enable-source-maps --max_old_space_size=100', '--max-old-space-size=200'])).toBe(100 * 1024 ** 2)
  expect(keptLimit(['', '--no-warnings --max-old-space-size=300 --max-old-space-size=400'])).toBe(400 * 1024 ** 2)
})

test('a small heap counts as full by what may be kept in it', () => {
  const module = new URL('./process-memory.ts', import.meta.url).href
  const script = `
    const { memoryInUse } = await import(${JSON.stringify(module)})
    const kept = []
    // Each of these has a mebibyte. Fuller than this, the process may end while the machine is busy.
    for (let i = 0; i < 40; i++) kept.push(new Array(131_072).fill(i + 0.5))
    globalThis.gc()
    console.log(memoryInUse() > 40 / 64, kept.length)`
  const child = spawnSync(
    process.execPath,
    ['--max-old-space-size=64', '--expose-gc', '--import', 'tsx', '--input-type=module', '-e', script],
    { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } },
  )
  expect([child.stdout.trim(), child.signal]).toEqual(['true 40', null])
})
