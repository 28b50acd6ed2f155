/**
 * Files that a shell passes as descriptors: `<(...)` of bash and zsh becomes the argument /dev/fd/63, a pipe that one
 * process can read once. We read it at the start and replace it by a copy that can be read any number of times, by us and
 * by each process of the server. On Linux the copy has no name and disappears with our process. Elsewhere it is a file
 * that only this user may read, removed at exit.
 */
import {
  createReadStream,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { pause, systemClock } from '../base/clock.ts'
import { CommandFailed } from './failures.ts'

/** An argument that is such a file, or a flag with one. */
const form = /^(--?[a-z][a-z0-9-]*=)?\/(?:dev|proc\/self)\/fd\/([0-9]{1,6})$/i

/** Far more than a key or a configuration needs. */
const maxBytes = 64 * 1024 ** 2

/** How long the program behind a pipe may take to write it, in milliseconds: as long as a server may take to start. */
const longestMs = 60_000

/**
 * The descriptors that arguments name and that were passed to us. To be called before we open anything, so that no
 * descriptor of our own is taken for one.
 */
export function namedDescriptors(words: readonly string[]): ReadonlySet<number> {
  const named = words.map((word) => Number(form.exec(word)?.[2] ?? 0))
  return new Set(named.filter((descriptor) => descriptor > 2 && isReadable(descriptor) && !isOfNode(descriptor)))
}

/**
 * The arguments, with each passed file replaced by the path of its copy; the descriptors are closed. Other arguments do
 * not change.
 * @param passed the result of `namedDescriptors` for these arguments
 * @throws CommandFailed with usage if one cannot be read
 */
export async function copyPassedFiles(words: readonly string[], passed: ReadonlySet<number>): Promise<string[]> {
  const copies = new Map<number, string>()
  for (const descriptor of passed) copies.set(descriptor, keep(await read(descriptor)))
  return words.map((word) => {
    const [, flag = '', descriptor] = form.exec(word) ?? []
    const copy = copies.get(Number(descriptor))
    return copy === undefined ? word : `${flag}${copy}`
  })
}

/** Whether it is open and can be read to an end: no terminal, and none of Node's own (epoll and the like). */
function isReadable(descriptor: number): boolean {
  try {
    const stats = fstatSync(descriptor)
    return stats.isFIFO() || stats.isSocket() || stats.isFile()
  } catch {
    return false
  }
}

/** Whether both ends of the pipe are ours: Node wakes itself through such pipes. Only known on Linux. */
function isOfNode(descriptor: number): boolean {
  try {
    const links = readdirSync('/proc/self/fd').map((name) => [Number(name), linkOf(name)] as const)
    const own = links.find(([number]) => number === descriptor)?.[1] ?? ''
    return (
      own.startsWith('pipe:') && links.some(([number, link]) => number !== descriptor && number > 2 && link === own)
    )
  } catch {
    return false
  }
}

/** What a descriptor refers to; empty for the descriptor of the listing itself. */
function linkOf(name: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${name}`)
  } catch {
    return ''
  }
}

async function read(descriptor: number): Promise<Buffer> {
  const stats = fstatSync(descriptor)
  // A blocking read of a pipe on the thread pool could not be cancelled, and would delay our exit.
  const isPipe = stats.isFIFO() || stats.isSocket()
  const reader: Readable = isPipe
    ? new Socket({ fd: descriptor, readable: true, writable: false })
    : createReadStream('', { fd: descriptor })
  const late = pause(systemClock, longestMs).then(() => {
    throw new Error(`nothing came for ${longestMs / 1000} s, or no end of it`)
  })
  try {
    return await Promise.race([collect(reader), late])
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const message = `/dev/fd/${descriptor} cannot be read: ${why}`
    throw new CommandFailed([{ code: 'usage', message, notes: [['try', 'a file in its place']] }])
  } finally {
    reader.destroy()
  }
}

async function collect(reader: Readable): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of reader as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error(`more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Keeps a copy of the bytes; returns the path to read it by. */
function keep(bytes: Buffer): string {
  const folder = makeFolder()
  const path = join(folder, 'passed')
  writeFileSync(path, bytes, { mode: 0o400 })
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  if (process.platform !== 'linux') {
    process.once('exit', remove)
    return path
  }
  // It stays open as long as we run; each open through /proc reads from the first byte.
  const kept = openSync(path, 'r')
  remove()
  return `/proc/${process.pid}/fd/${kept}`
}

/** A folder in memory if possible: files passed this way are often secrets. */
function makeFolder(): string {
  try {
    return mkdtempSync('/dev/shm/mcplex-')
  } catch {
    return mkdtempSync(join(tmpdir(), 'mcplex-'))
  }
}
