/**
 * A child process as lines in and lines out, in a process group of its own.
 *
 * Promises: lines arrive whole and in order, and the exit after the last of them; no failure of the child or of its
 * pipes is an unhandled error; when the child's leader ends, or is asked to, the whole group ends; nothing reaches the
 * child but its command, its environment and three pipes. What the lines mean, when to start again, and how much may
 * be queued are left to others. The one place that starts upstream programs.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { Clock } from '../../base/clock.ts'
import type { EventSink } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import { hasGroups } from './group.ts'
import { Ladder } from './ladder.ts'
import { LineReader } from '../../base/lines.ts'
import type { Reaper } from './reaper.ts'
import { Stderr } from './stderr.ts'

export interface ChildCommand {
  /** Found through the PATH of `env`; no shell is involved. */
  readonly command: string
  readonly args: readonly string[]
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
}

export interface ChildExit {
  readonly code: number | null
  readonly signal: string | null
  /** Whether the end was asked for, by `close` or `kill`. */
  readonly expected: boolean
  /** The last 4 KiB of stderr: for the operator, never for a client. */
  readonly stderr: string
  /** Why the program could not be started, such as `ENOENT` (also for a working directory that is not there). */
  readonly error?: string
}

/** Must not throw. */
export interface ChildListener {
  line(text: string): void
  /** The last call. */
  exit(exit: ChildExit): void
  /** A line over the limit, or one without an end, was dropped. It has been counted as an event already. */
  dropped(bytes: number): void
}

export interface Child {
  /** Undefined when the program could not be started. */
  readonly pid: number | undefined
  /** Queues one line, given without its newline. All lines of one turn of the event loop go out in one write. */
  send(line: string): void
  /** Characters queued and not yet taken by the pipe. Nothing bounds them here: the sender looks. */
  readonly backlog: number
  /** Attaches the listener, or replaces it. What came before is told soon, never within this call. */
  listen(listener: ChildListener): void
  /** Leaves output in the pipe, so that the child waits, or takes it again. */
  hold(isHeld: boolean): void
  /** Ends input, SIGTERM 2 s later, SIGKILL 3 s later; resolves when the whole group is gone. Idempotent. */
  close(): Promise<void>
  /** SIGKILL to the whole group at once. */
  kill(): void
  readonly exited: boolean
}

export interface ChildSettings {
  readonly clock: Clock
  readonly log: Log
  readonly events: EventSink
  readonly reaper: Reaper
  /** A longer line from the child is dropped. In bytes. */
  readonly maxLineBytes: number
  /** What the process is for, as `processStarted` tells it. */
  readonly purpose: string
}

/** From the end of input to SIGTERM. */
const termAfterMs = 2000
/** How long pipes may stay open after the exit of the leader: somebody else may hold them. */
const pipesGraceMs = 250
/** Output that nobody listens to yet is read up to here; then the child's pipe fills, and it waits. */
const maxEarlyBytes = 64 * 1024

/** Starts a child. Never throws: a program that cannot be started is told as an exit with an error. */
export function startChild(command: ChildCommand, settings: ChildSettings): Child {
  let started: ChildProcess
  try {
    started = spawn(command.command, command.args, {
      cwd: command.cwd,
      detached: hasGroups(),
      env: command.env,
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
    })
  } catch (error) {
    return new FailedChild(Promise.resolve(errorCode(error)))
  }
  const { pid, stdin, stdout, stderr } = started
  // A program that was not found has pipes all the same; with too many files open there are none.
  if (pid === undefined || !stdin || !stdout || !stderr) {
    const failure = new Promise<string>((resolve) => started.on('error', (error) => resolve(errorCode(error))))
    for (const pipe of [stdin, stdout, stderr]) pipe?.on('error', () => {}).destroy()
    return new FailedChild(failure)
  }
  settings.reaper.watch(pid)
  return new RunningChild(pid, started, { stdin, stdout, stderr }, settings)
}

interface Pipes {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
}

class RunningChild implements Child {
  readonly pid: number
  readonly #pipes: Pipes
  readonly #settings: ChildSettings
  readonly #ladder: Ladder
  readonly #reader: LineReader
  readonly #stderr: Stderr
  readonly #gone: Promise<void>
  #listener: ChildListener | undefined
  #early: Buffer[] = []
  #earlyBytes = 0
  #queued: string[] = []
  #queuedLength = 0
  #expected = false
  #exited: { readonly code: number | null; readonly signal: string | null; readonly expected: boolean } | undefined
  #exit: ChildExit | undefined

  constructor(pid: number, started: ChildProcess, pipes: Pipes, settings: ChildSettings) {
    const { clock, log, events, reaper } = settings
    this.pid = pid
    this.#pipes = pipes
    this.#settings = settings
    this.#stderr = new Stderr({ clock, log, events, pid })
    this.#reader = new LineReader(settings.maxLineBytes, {
      line: (text) => this.#listener?.line(text),
      dropped: (bytes) => {
        events.emit('dropped', { what: 'stdout_line', count: 1 })
        this.#listener?.dropped(bytes)
      },
    })
    let gone = (): void => {}
    this.#gone = new Promise((resolve) => (gone = resolve))
    this.#ladder = new Ladder(pid, clock, log, () => {
      reaper.forget(pid)
      gone()
    })

    started.on('exit', (code, signal) => this.#leaderExited(code, signal))
    started.on('close', () => this.#finish())
    // Signals are sent to the group, not through this object, so there is nothing else that could fail here.
    started.on('error', (error) => log.warn({ upstream_pid: pid, err: error }, 'upstream process error'))
    pipes.stdout.on('data', (chunk: Buffer) => this.#read(chunk))
    pipes.stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk))
    pipes.stdout.on('end', () => this.#brokenOff())
    pipes.stdin.on('error', () => this.#brokenOff())
    pipes.stdout.on('error', () => this.#brokenOff())
    pipes.stderr.on('error', () => {})
    events.emit('processStarted', { pid, purpose: settings.purpose })
  }

  get exited(): boolean {
    return this.#exited !== undefined
  }

  get backlog(): number {
    return this.#queuedLength + (this.#pipes.stdin.destroyed ? 0 : this.#pipes.stdin.writableLength)
  }

  send(line: string): void {
    if (!this.#pipes.stdin.writable) return
    if (this.#queued.length === 0) setImmediate(() => this.#flush())
    this.#queued.push(line)
    this.#queuedLength += line.length + 1
  }

  listen(listener: ChildListener): void {
    this.#listener = listener
    queueMicrotask(() => {
      if (this.#listener === listener) this.#tell()
    })
  }

  hold(isHeld: boolean): void {
    this.#pipes.stdout[isHeld ? 'pause' : 'resume']()
  }

  close(): Promise<void> {
    if (!this.exited) this.#expected = true
    this.#flush()
    this.#pipes.stdin.end()
    this.#ladder.begin(termAfterMs)
    return this.#gone
  }

  kill(): void {
    if (!this.exited) this.#expected = true
    this.#ladder.kill()
  }

  #flush(): void {
    if (this.#queued.length === 0) return
    const lines = this.#queued
    this.#queued = []
    this.#queuedLength = 0
    if (this.#pipes.stdin.writable) this.#pipes.stdin.write(lines.join('\n') + '\n')
  }

  #read(chunk: Buffer): void {
    if (this.#listener && this.#early.length === 0) return this.#reader.push(chunk)
    this.#early.push(chunk)
    this.#earlyBytes += chunk.length
    if (this.#earlyBytes >= maxEarlyBytes) this.#pipes.stdout.pause()
  }

  /** Tells the listener what it has not been told: early output, and the exit. */
  #tell(): void {
    const listener = this.#listener
    if (!listener) return
    const early = this.#early
    this.#early = []
    this.#earlyBytes = 0
    for (const chunk of early) this.#reader.push(chunk)
    if (!this.#exit) {
      this.#pipes.stdout.resume()
      return
    }
    this.#reader.end()
    listener.exit(this.#exit)
  }

  /** A pipe is closed. A child that lives on without it can do nothing for us. */
  #brokenOff(): void {
    if (this.exited) return
    this.#settings.clock.after(pipesGraceMs, () => {
      if (this.exited) return
      this.#pipes.stdin.destroy()
      this.#ladder.begin(0)
    })
  }

  #leaderExited(code: number | null, signal: string | null): void {
    const expected = this.#expected
    this.#exited = { code, signal, expected }
    this.#queued = []
    this.#queuedLength = 0
    this.#pipes.stdin.destroy()
    this.hold(false)
    this.#ladder.leaderExited()
    this.#settings.events.emit('processEnded', { pid: this.pid, code, signal, expected })
    // After a turn of the loop that was late for this timer, what is in the pipes is still to be read.
    this.#settings.clock.after(pipesGraceMs, () => setImmediate(() => this.#finish()))
  }

  /** The leader exited, and its pipes were read to their end or had their time. */
  #finish(): void {
    if (!this.#exited || this.#exit) return
    this.#pipes.stdout.destroy()
    this.#pipes.stderr.destroy()
    this.#stderr.end()
    this.#exit = { ...this.#exited, stderr: this.#stderr.tail() }
    this.#tell()
  }
}

/** A child that never was: all it does is say why. */
class FailedChild implements Child {
  readonly pid = undefined
  readonly backlog = 0
  readonly exited = true
  readonly #error: Promise<string>
  #listener: ChildListener | undefined

  constructor(error: Promise<string>) {
    this.#error = error
  }

  send(): void {}

  hold(): void {}

  listen(listener: ChildListener): void {
    this.#listener = listener
    void this.#error.then((error) => {
      if (this.#listener === listener) listener.exit({ code: null, signal: null, expected: false, stderr: '', error })
    })
  }

  async close(): Promise<void> {}

  kill(): void {}
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN'
}
