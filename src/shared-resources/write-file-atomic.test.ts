import { execFileSync } from 'node:child_process'
import {
  chownSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  chmodSync,
} from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { writeFileAtomic } from './write-file-atomic.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcplex-atomic-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const at = (name: string): string => join(folder, name)
const modeOf = (path: string): number => statSync(path).mode & 0o777

test('a reader finds the old content or the new one, whatever is written at the same time', async () => {
  const contents = Array.from({ length: 8 }, (_, number) => String(number).repeat(200_000))
  await writeFileAtomic(at('a'), contents[0] ?? '')
  let isOver = false
  const reading = (async () => {
    let reads = 0
    for (; !isOver || reads === 0; reads++) expect(contents).toContain(await readFile(at('a'), 'utf8'))
    return reads
  })()
  for (let round = 0; round < 5; round++)
    await Promise.all(contents.map((content) => writeFileAtomic(at('a'), content)))
  isOver = true
  expect(await reading).toBeGreaterThan(0)
  expect(readdirSync(folder)).toEqual(['a'])
})

test('the mode of a file stays, a new one gets its own, and a link is followed', async () => {
  writeFileSync(at('a'), 'before')
  chmodSync(at('a'), 0o640)
  symlinkSync('a', at('link'))
  await writeFileAtomic(at('link'), Buffer.from('after'), { mode: 0o600 })
  expect([readFileSync(at('a'), 'utf8'), modeOf(at('a'))]).toEqual(['after', 0o640])
  await writeFileAtomic(at('new'), '', { mode: 0o600 })
  expect(modeOf(at('new'))).toBe(0o600)
})

test('the owner and group of a file stay', async () => {
  const [uid, group] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0]
  // Root may give files away; another user may give them to each of its groups.
  const owner = uid === 0 ? 65_534 : uid
  const other = uid === 0 ? 65_533 : (process.getgroups?.().find((one) => one !== group) ?? group)
  writeFileSync(at('a'), 'before')
  chownSync(at('a'), owner, other)
  chmodSync(at('a'), 0o640)
  await writeFileAtomic(at('a'), 'after')
  const after = statSync(at('a'))
  expect([readFileSync(at('a'), 'utf8'), after.uid, after.gid, modeOf(at('a'))]).toEqual(['after', owner, other, 0o640])
})

test('a file of another user is left as it is by one that cannot keep its owner', () => {
  // Only root can be another user; all others own what they write.
  const isRoot = process.getuid?.() === 0
  writeFileSync(at('a'), 'before')
  chmodSync(folder, 0o777)
  const script = `
    const { writeFileAtomic } = await import(${JSON.stringify(new URL('write-file-atomic.ts', import.meta.url).href)})
    if (${isRoot}) { process.setgroups([]); process.setgid(65534); process.setuid(65534) }
    process.stdout.write(await writeFileAtomic(${JSON.stringify(at('a'))}, 'after').then(() => 'written', (error) => error.code + ' ' + error.message))`
  const said = execFileSync(process.execPath, ['--input-type=module', '--import', 'tsx', '-e', script], {
    encoding: 'utf8',
  })
  expect(said).toMatch(
    isRoot ? /^EPERM .* belongs to user 0 and group 0, .*: run it as that user or as root/ : /^written$/,
  )
  expect(readFileSync(at('a'), 'utf8')).toBe(isRoot ? 'before' : 'after')
  expect(readdirSync(folder)).toEqual(['a'])
})

test('nothing is written once the signal is aborted, and nothing is left of a failure', async () => {
  writeFileSync(at('a'), 'before')
  const abort = new AbortController()
  abort.abort(new Error('the lock is lost'))
  await expect(writeFileAtomic(at('a'), 'after', { signal: abort.signal })).rejects.toThrow('the lock is lost')
  const late = new AbortController()
  const writing = writeFileAtomic(at('a'), 'x'.repeat(5_000_000), { signal: late.signal })
  setImmediate(() => late.abort(new Error('the lock is lost')))
  await expect(writing).rejects.toThrow('the lock is lost')
  await expect(writeFileAtomic(at('none/a'), 'after')).rejects.toThrow('ENOENT')
  await expect(writeFileAtomic(folder, 'after')).rejects.toThrow()
  expect(readFileSync(at('a'), 'utf8')).toBe('before')
  expect(readdirSync(folder)).toEqual(['a'])
})
