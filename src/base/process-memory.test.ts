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

test('a small heap that is nearly full counts as that', () => {
  const module = new URL('./process-memory.ts', import.meta.url).href
  const script = `
    const { memoryInUse } = await import(${JSON.stringify(module)})
    const kept = []
    let part = memoryInUse()
    // Each of these has a mebibyte.
    for (let i = 0; i < 100 && part < 0.9; i++, part = memoryInUse()) kept.push(new Array(131_072).fill(i + 0.5))
    console.log(part >= 0.9)`
  const child = spawnSync(
    process.execPath,
    ['--max-old-space-size=64', '--import', 'tsx', '--input-type=module', '-e', script],
    { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } },
  )
  expect([child.stdout.trim(), child.signal]).toEqual(['true', null])
})
