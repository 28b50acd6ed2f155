import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemClock } from './clock.ts'
import { stampFiles, watchFiles } from './watch-files.ts'

let folder = ''
let stop: (() => void) | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-watch-'))
})
afterEach(() => {
  stop?.()
  rmSync(folder, { recursive: true, force: true })
})

const at = (name: string): string => join(folder, name)

/** Counts the changes that are told. */
function watch(paths: () => readonly string[], settleMs = 0): () => number {
  let count = 0
  stop = watchFiles({ paths, everyMs: 10, settleMs, changed: () => void count++ }, systemClock)
  return () => count
}

test('a file that is written, replaced, removed or created is a change, and one that stays is none', async () => {
  writeFileSync(at('a'), '1')
  const changes = watch(() => [at('a')])
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(changes()).toBe(0)
  writeFileSync(at('a'), '12')
  await expect.poll(changes).toBe(1)
  writeFileSync(at('b'), '34')
  renameSync(at('b'), at('a'))
  await expect.poll(changes).toBe(2)
  rmSync(at('a'))
  await expect.poll(changes).toBe(3)
  writeFileSync(at('a'), '5')
  await expect.poll(changes).toBe(4)
})

test('the files that have changed are told, and one that was not watched before is no change', async () => {
  for (const name of ['a', 'b', 'c']) writeFileSync(at(name), name)
  const paths = [at('a'), at('b')]
  const told: string[][] = []
  stop = watchFiles(
    { paths: () => paths, everyMs: 10, settleMs: 0, changed: (some) => void told.push([...some]) },
    systemClock,
  )
  await new Promise((resolve) => setTimeout(resolve, 60))
  paths.push(at('c'))
  await new Promise((resolve) => setTimeout(resolve, 60))
  expect(told).toEqual([])
  writeFileSync(at('b'), '1')
  await expect.poll(() => told).toEqual([[at('b')]])
  writeFileSync(at('c'), '22')
  await expect.poll(() => told).toEqual([[at('b')], [at('c')]])
})

test('a link that gets another target is a change', async () => {
  writeFileSync(at('one'), '1')
  writeFileSync(at('two'), '22')
  symlinkSync('one', at('link'))
  const changes = watch(() => [at('link')])
  await new Promise((resolve) => setTimeout(resolve, 60))
  symlinkSync('two', at('next'))
  renameSync(at('next'), at('link'))
  await expect.poll(changes).toBe(1)
})

test('a file that is being written is told once, when it stays the same', async () => {
  writeFileSync(at('a'), '')
  const changes = watch(() => [at('a')], 100)
  for (let count = 1; count <= 10; count++) {
    writeFileSync(at('a'), 'x'.repeat(count))
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await expect.poll(changes).toBe(1)
  await new Promise((resolve) => setTimeout(resolve, 250))
  expect(changes()).toBe(1)
})

test('a change between the reading of a file and the beginning of the watch is told', async () => {
  writeFileSync(at('a'), '1')
  const since = stampFiles([at('a'), at('none')])
  writeFileSync(at('a'), '12')
  let count = 0
  const paths = (): string[] => [at('a'), at('none')]
  stop = watchFiles({ paths, since, everyMs: 10, settleMs: 0, changed: () => void count++ }, systemClock)
  await expect.poll(() => count).toBe(1)
  writeFileSync(at('none'), '')
  await expect.poll(() => count).toBe(2)
})
