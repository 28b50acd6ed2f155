/**
 * The ways to write to a descriptor that somebody has handed us, so that none of them can hold us up. Node's own stream
 * waits on the thread of the program where a terminal stands still, and throws where a disk is full; a write to a pipe
 * on one of its other threads is waited for when the process ends.
 */
import { constants, fstatSync, openSync, write as writeFile, writeSync } from 'node:fs'
import type { Writable } from 'node:stream'
import { isatty, type WriteStream } from 'node:tty'
import type { Clock } from '../base/clock.ts'
import { createOutput, type WriteOutcome, type Output, type Writer } from './output.ts'

/** The output that a descriptor of the process is. */
export function openOutput(descriptor: 1 | 2, clock: Clock): Output {
  const stream = (): WriteStream => (descriptor === 1 ? process.stdout : process.stderr)
  if (!isatty(descriptor)) return createOutput(isStreamed(descriptor) ? toStream(stream()) : toFile(descriptor), clock)
  return createOutput(toTerminal(descriptor) ?? toStream(stream()), clock, {
    columns: () => stream().columns,
  })
}

/** Pipes and sockets, which node writes to without waiting. */
function isStreamed(descriptor: number): boolean {
  const stat = fstatSync(descriptor)
  return stat.isFIFO() || stat.isSocket()
}

function toStream(stream: Writable): Writer {
  // Each write is told of its own error.
  stream.on('error', () => {})
  return (bytes) =>
    new Promise((resolve) => {
      stream.write(bytes, (error) => resolve(error ? failed(error) : { taken: bytes.length }))
    })
}

/** A disk may take its time, which is no reason for us to wait. */
function toFile(descriptor: number): Writer {
  // A limit for the size of files (`ulimit -f`) is a full disk like another: the signal of it would end us.
  process.on('SIGXFSZ', () => {})
  return (bytes) =>
    new Promise((resolve) => {
      writeFile(descriptor, bytes, 0, bytes.length, null, (error, taken) => resolve(error ? failed(error) : { taken }))
    })
}

/**
 * A terminal may stand still (Ctrl-S, a connection that hangs). Opened anew, so that those who share the descriptor with
 * us do not find it changed; undefined where that cannot be.
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
