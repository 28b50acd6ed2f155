/**
 * Writes to stdout and stderr without ever blocking. Node's own streams block the main thread while a terminal is
 * stopped, and throw if a disk is full; and a pending write to a pipe on the thread pool delays the exit of the process.
 */
import { constants, fstatSync, openSync, write as writeFile, writeSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { isatty, type WriteStream } from 'node:tty'
import type { Clock } from '../base/clock.ts'
import { createOutput, type WriteOutcome, type Output, type Writer } from './output.ts'

/** The output for a descriptor of the process. */
export function openOutput(descriptor: 1 | 2, clock: Clock): Output {
  const stream = (): WriteStream => (descriptor === 1 ? process.stdout : process.stderr)
  if (!isatty(descriptor)) return createOutput(isStreamed(descriptor) ? toStream(stream()) : toFile(descriptor), clock)
  return createOutput(toTerminal(descriptor) ?? toStream(stream()), clock, {
    columns: () => stream().columns,
    rows: () => stream().rows,
  })
}

/** Whether it is a pipe or a socket, to which Node writes without blocking. */
function isStreamed(descriptor: number): boolean {
  const stat = fstatSync(descriptor)
  return stat.isFIFO() || stat.isSocket()
}

function toStream(stream: Writable): Writer {
  // Each write gets its error in its callback.
  stream.on('error', () => {})
  return (bytes) =>
    new Promise((resolve) => {
      stream.write(bytes, (error) => resolve(error ? failed(error) : { taken: bytes.length }))
    })
}

/** Disks can be slow: the write runs on the thread pool. */
function toFile(descriptor: number): Writer {
  // A file size limit (`ulimit -f`) is handled like a full disk; its signal would end us.
  process.on('SIGXFSZ', () => {})
  return (bytes) =>
    new Promise((resolve) => {
      writeFile(descriptor, bytes, 0, bytes.length, null, (error, taken) => resolve(error ? failed(error) : { taken }))
    })
}

/**
 * A terminal may be stopped (Ctrl-S, a hanging connection), so it is written to without blocking. It is opened again,
 * since `O_NONBLOCK` on our descriptor would affect other processes that share it; undefined if that is not possible.
 */
function toTerminal(descriptor: number): Writer | undefined {
  const { O_WRONLY, O_NOCTTY, O_NONBLOCK } = constants
  let own: number
  try {
    own = openSync(`/proc/self/fd/${descriptor}`, O_WRONLY | O_NOCTTY | O_NONBLOCK)
  } catch {
    return undefined
  }
  return (bytes) => {
    try {
      return { taken: writeSync(own, bytes) }
    } catch (error) {
      return failed(error)
    }
  }
}

function failed(error: unknown): WriteOutcome {
  return { taken: 0, code: error instanceof Error && 'code' in error ? String(error.code) : 'unknown' }
}
