import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { endianness, tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { memoryOfTrees } from './process-memory.ts'

/** A folder that looks like /proc: a process with 1000 resident pages, 400 of which can be shared, and its child. */
function fakeProc(auxv: Buffer | undefined): string {
  const folder = mkdtempSync(join(tmpdir(), 'mcplex-proc-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const processes = [
    [7, 1],
    [8, 7],
  ] as const
  for (const [pid, parent] of processes) {
    mkdirSync(join(folder, `${pid}`))
    const rest = Array.from({ length: 46 }, () => '0').join(' ')
    writeFileSync(join(folder, `${pid}`, 'stat'), `${pid} (server) S ${parent} 7 7 ${rest}`)
    writeFileSync(join(folder, `${pid}`, 'statm'), '5000 1000 400 1 0 1 0\n')
  }
  if (!auxv) return folder
  mkdirSync(join(folder, 'self'))
  writeFileSync(join(folder, 'self', 'auxv'), auxv)
  return folder
}

/** An auxiliary vector with some entry, this page size, and the end. */
function auxvOf(pageBytes: number): Buffer {
  const words = [33, 0x7f00, 6, pageBytes, 0, 0]
  const isLong = process.arch !== 'arm' && process.arch !== 'ia32'
  const bytes = Buffer.alloc(words.length * (isLong ? 8 : 4))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const isLittle = endianness() === 'LE'
  words.forEach((word, at) =>
    isLong ? view.setBigUint64(at * 8, BigInt(word), isLittle) : view.setUint32(at * 4, word, isLittle),
  )
  return bytes
}

test('memory is counted in pages of the size that this machine has', async () => {
  const memoryIn = async (auxv: Buffer | undefined): Promise<number | undefined> =>
    (await memoryOfTrees(new Set([7]), fakeProc(auxv))).get(7)
  const pages = 600 + 600 + 400
  for (const pageBytes of [4096, 16_384, 65_536]) expect(await memoryIn(auxvOf(pageBytes))).toBe(pages * pageBytes)
  // Where it is not known, it is that of most machines.
  for (const auxv of [undefined, Buffer.alloc(0), Buffer.from([6, 0, 0])])
    expect(await memoryIn(auxv)).toBe(pages * 4096)
})
