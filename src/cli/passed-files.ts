/**
 * Files that a shell passes as descriptors: `<(...)` of bash and zsh is the word /dev/fd/63, a pipe that one process can
 * read once. We read it at the start and put a copy in its place that can be read any number of times, by us and by each
 * process of the server. On Linux the copy has no name: it ends with us. Elsewhere it is a file that only this user may
 * read, removed at our end.
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

/** A word that is such a file, or a flag with one. */
const form = /^(--?[a-z][a-z0-9-]*=)?\/(?:dev|proc\/self)\/fd\/([0-9]{1,6})$/i

/** Far above a key or a configuration. */
const maxBytes = 64 * 1024 ** 2

/** How long the program behind a pipe may take to write it, in milliseconds: as long as a server may take to start. */
const longestMs = 60_000

/**
 * The descriptors that words name and that were handed to us: to be asked before anything of our own is opened, so that
 * a word with any other number is none.
 */
export function namedDescriptors(words: readonly string[]): ReadonlySet<number> {
  const named = words.map((word) => Number(form.exec(word)?.[2] ?? 0))
  return new Set(named.filter((descriptor) => descriptor > 2 && isReadable(descriptor) && !isOfNode(descriptor)))
}

/**
 * The words, with a copy in the place of each file that was passed; the descriptors are closed. All other words stay as
 * they are.
 * @param passed what `namedDescriptors` said of the words
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

/** Whether it is open, and a thing with an end: no terminal, and nothing that Node waits for its events with. */
function isReadable(descriptor: number): boolean {
  try {
    const stats = fstatSync(descriptor)
    return stats.isFIFO() || stats.isSocket() || stats.isFile()
  } catch {
    return false
  }
}

/** Whether it is one end of a pipe whose other end is ours, too: Node wakes itself by such. Told on Linux only. */
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

/** What a descriptor is; nothing for the one that listed them. */
function linkOf(name: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${name}`)
  } catch {
    return ''
  }
}

async function read(descriptor: number): Promise<Buffer> {
  const stats = fstatSync(descriptor)
  // A read of a pipe in a thread could not be taken back, and would hold up our end.
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

/** The path under which the bytes can be read from now on. */
function keep(bytes: Buffer): string {
  const folder = makeFolder()
  const path = join(folder, 'passed')
  writeFileSync(path, bytes, { mode: 0o400 })
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  if (process.platform !== 'linux') {
    process.once('exit', remove)
    return path
  }
  // Open as long as we are; whoever opens it through /proc begins at its first byte.
  const kept = openSync(path, 'r')
  remove()
  return `/proc/${process.pid}/fd/${kept}`
}

/** In memory where there is such a folder: what is passed this way is often a secret. */
function makeFolder(): string {
  try {
    return mkdtempSync('/dev/shm/mcplex-')
  } catch {
    return mkdtempSync(join(tmpdir(), 'mcplex-'))
  }
}
