/**
 * How much memory the processes of each worker take: the process that was started, its descendants, and all others in its
 * process session. Read from /proc, so on Linux only. [proc(5)]
 *
 * Memory that is a process's own is summed up; of what processes can share, such as the text of their program, the
 * largest part is counted once. Not found: a process that has left both the session and its ancestors, as daemons do.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { endianness } from 'node:os'
import { statOf } from '../../base/proc-stat.ts'

/** So many processes are looked at before other work gets a turn: about a millisecond. */
const atOnce = 50
/** Of most machines; those with ARM processors have larger pages as well. */
const usualPageBytes = 4096
/** The entry of the auxiliary vector that has the size of a page (`AT_PAGESZ`). [getauxval(3)] */
const pageSizeEntry = 6

/** @returns the memory of each of these process trees, by its root, in bytes */
export async function memoryOfTrees(
  roots: ReadonlySet<number>,
  folder: string = '/proc',
): Promise<Map<number, number>> {
  const children = new Map<number, number[]>()
  const sessions = new Map<number, number[]>()
  let looked = 0
  for (const name of listed(folder)) {
    if (!/^\d+$/.test(name)) continue
    if (++looked % atOnce === 0) await new Promise((resolve) => setImmediate(resolve))
    const stat = statOf(Number(name), folder)
    if (!stat || stat.hasEnded) continue
    append(children, stat.parent, stat.pid)
    append(sessions, stat.session, stat.pid)
  }
  const pageBytes = pageBytesOf(folder)
  const found = new Map<number, number>()
  for (const root of roots) {
    const members = new Set([root, ...(sessions.get(root) ?? [])])
    // Grows while it is gone through.
    for (const pid of members) for (const child of children.get(pid) ?? []) members.add(child)
    let [own, shared] = [0, 0]
    for (const pid of members) {
      if (++looked % atOnce === 0) await new Promise((resolve) => setImmediate(resolve))
      const pages = pagesOf(pid, folder)
      own += pages.own
      shared = Math.max(shared, pages.shared)
    }
    found.set(root, (own + shared) * pageBytes)
  }
  return found
}

function pagesOf(pid: number, folder: string): { readonly own: number; readonly shared: number } {
  try {
    const [, resident = 0, shared = 0] = readFileSync(`${folder}/${pid}/statm`, 'utf8').split(' ').map(Number)
    return { own: resident - shared, shared }
  } catch {
    // It has ended.
    return { own: 0, shared: 0 }
  }
}

/** The auxiliary vector of our process is pairs of words: a type and its value. */
function pageBytesOf(folder: string): number {
  try {
    const bytes = readFileSync(`${folder}/self/auxv`)
    const wordBytes = process.arch === 'arm' || process.arch === 'ia32' ? 4 : 8
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    const isLittle = endianness() === 'LE'
    const word = (at: number): number =>
      wordBytes === 4 ? words.getUint32(at, isLittle) : Number(words.getBigUint64(at, isLittle))
    for (let at = 0; at + 2 * wordBytes <= bytes.length; at += 2 * wordBytes)
      if (word(at) === pageSizeEntry) return word(at + wordBytes)
  } catch {
    // No such file, or it may not be read.
  }
  return usualPageBytes
}

function listed(folder: string): readonly string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function append(lists: Map<number, number[]>, key: number, value: number): void {
  const list = lists.get(key)
  if (list) list.push(value)
  else lists.set(key, [value])
}
