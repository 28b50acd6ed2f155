/** A child that was started: its three pipes, its listener, and its end. child.ts has its promises. */
import type { ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import type { WorkerEnd } from '../../base/events.ts'
import { LineReader, type LineSink } from '../../base/lines.ts'
import type { Reservation, MemoryAccount } from '../../base/memory-budget.ts'
import { shareFor } from '../../base/transfers.ts'
import type { WorkerId } from '../../protocol/call.ts'
import type { WorkerExit } from '../worker-exit.ts'
import type { LineListener } from '../connection/line-transport.ts'
import type { ChildSettings, StartedChild } from './child.ts'
import { ChildInput } from './child-input.ts'
import type { WorkerContainment } from './containment.ts'
import { Termination } from './termination.ts'
import { Stderr } from './stderr.ts'

/** From the end of input to SIGTERM. */
const termAfterMs = 2000
/** How long pipes may stay open after the exit of the leader: another process may hold them. */
const pipesGraceMs = 250
/** Without a listener, output is read up to here; then the pipe fills and the child waits. */
const maxEarlyBytes = 64 * 1024

export interface Pipes {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
}

export interface RunningNeeds extends Omit<ChildSettings, 'containment'> {
  readonly containment: WorkerContainment
}

export class RunningChild implements StartedChild {
  readonly id: WorkerId
  readonly worker: number
  readonly pid: number
  readonly gone: Promise<void>
  readonly memory: MemoryAccount
  readonly inputRequestMemory: MemoryAccount
  memoryBytes: number | undefined
  readonly #pipes: Pipes
  readonly #settings: RunningNeeds
  readonly #termination: Termination
  readonly #input: ChildInput
  readonly #reader: LineReader
  readonly #stderr: Stderr
  #listener: LineListener | undefined
  #early: Buffer[] = []
  #earlyBytes = 0
  #expected = false
  /** Why it was ended from here; undefined if it was not. */
  #endsFor: WorkerEnd | undefined
  #hasSpoken = false
  #exited: Omit<WorkerExit, 'stderr'> | undefined
  #exit: WorkerExit | undefined
  #onExited: (() => void) | undefined

  constructor(started: ChildProcess & { readonly pid: number }, pipes: Pipes, needs: RunningNeeds) {
    const { pid } = started
    const { clock, log, events, containment } = needs
    const { worker } = containment
    this.id = containment.id
    this.worker = worker
    this.pid = pid
    this.#pipes = pipes
    this.#settings = needs
    const shareBytes = shareFor(needs.memory, needs.maxLineBytes)
    this.memory = needs.memory.account(shareBytes)
    this.inputRequestMemory = needs.memory.account(shareBytes, 'lasting')
    this.#input = new ChildInput(pipes.stdin, this.memory, () => this.#listener?.drained?.())
    this.#stderr = new Stderr({ clock, log, events, worker })
    const sink: LineSink = {
      line: (text) => this.#deliver(text),
      dropped: (line) => {
        events.emit('dropped', { what: 'stdout_line', count: 1 })
        this.#listener?.dropped(line)
      },
    }
    this.#reader = new LineReader(needs.maxLineBytes, sink, this.memory)
    let onGone = (): void => {}
    this.gone = new Promise((resolve) => (onGone = resolve))
    this.#termination = new Termination({ pgid: pid, containment, clock, log, onGone })

    started.on('exit', (code, signal) => this.#leaderExited(code, signal))
    started.on('close', () => this.#finish())
    // We send signals to the group and not through this object, so no failure of ours ends up here.
    started.on('error', (error) => log.warn({ worker, err: error }, 'worker error'))
    pipes.stdout.on('data', (chunk: Buffer) => this.#read(chunk))
    pipes.stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk))
    pipes.stdout.on('end', () => this.#pipeClosed())
    pipes.stdin.on('error', () => this.#pipeClosed())
    pipes.stdout.on('error', () => this.#pipeClosed())
    pipes.stderr.on('error', () => {})
    events.emit('workerStarted', { worker, pid, purpose: needs.purpose })
  }

  get exited(): boolean {
    return this.#exited !== undefined
  }

  whenExited(listener: () => void): void {
    if (this.exited) listener()
    else this.#onExited = listener
  }

  get backlog(): number {
    return this.#input.backlog
  }

  roomFor(bytes: number): Reservation {
    return this.#input.roomFor(bytes)
  }

  send(line: string): void {
    this.#input.send(line)
  }

  listen(listener: LineListener): void {
    this.#listener = listener
    queueMicrotask(() => {
      if (this.#listener === listener) this.#flushToListener()
    })
  }

  hold(isHeld: boolean): void {
    this.#pipes.stdout[isHeld ? 'pause' : 'resume']()
  }

  close(reason: WorkerEnd = 'stopped'): Promise<void> {
    this.#endFor(reason)
    this.#input.flush()
    this.#pipes.stdin.end()
    this.#termination.begin(termAfterMs)
    return this.gone
  }

  kill(reason: WorkerEnd = 'stopped'): void {
    this.#endFor(reason)
    this.#termination.kill()
  }

  #endFor(reason: WorkerEnd): void {
    if (this.exited) return
    this.#expected = true
    this.#endsFor ??= reason
  }

  exceed(): void {
    this.#endsFor ??= 'memory_limit'
    this.#termination.kill()
  }

  /** If a bug of ours makes handling a line throw, only this process is ended. */
  #deliver(line: string): void {
    this.#hasSpoken ||= line.startsWith('{')
    try {
      this.#listener?.line(line)
    } catch (error) {
      this.#settings.log.error({ worker: this.worker, err: error }, 'a line of a worker met a fault; it is ended')
      this.#endsFor ??= 'fault'
      this.#termination.kill()
    }
  }

  #read(chunk: Buffer): void {
    if (this.#listener && this.#early.length === 0) return this.#reader.push(chunk)
    this.#early.push(chunk)
    this.#earlyBytes += chunk.length
    this.memory.add(chunk.length)
    if (this.#earlyBytes >= maxEarlyBytes) this.#pipes.stdout.pause()
  }

  /** Delivers to the listener what it has not got yet: early output, and the exit. */
  #flushToListener(): void {
    const listener = this.#listener
    if (!listener) return
    const early = this.#early
    this.#early = []
    this.memory.release(this.#earlyBytes)
    this.#earlyBytes = 0
    for (const chunk of early) this.#reader.push(chunk)
    if (!this.#exit) {
      this.#pipes.stdout.resume()
      return
    }
    this.#reader.end()
    this.memory.close()
    this.inputRequestMemory.close()
    listener.exit(this.#exit)
  }

  /** A pipe was closed. Without it the child is of no use, so it is ended. */
  #pipeClosed(): void {
    if (this.exited) return
    this.#settings.clock.after(pipesGraceMs, () => {
      if (this.exited) return
      this.#pipes.stdin.destroy()
      this.#termination.begin(0)
    })
  }

  #leaderExited(code: number | null, signal: string | null): void {
    const reason = this.#endsFor ?? this.#ownEnd()
    const expected = this.#expected
    this.#exited = { code, signal, expected, reason }
    this.#onExited?.()
    this.#input.drop()
    this.hold(false)
    this.#termination.leaderExited()
    this.#settings.events.emit('workerEnded', { worker: this.worker, code, signal, expected, reason })
    // If the event loop was blocked past this timer, the pipes still hold output: `setImmediate` lets it be read first.
    this.#settings.clock.after(pipesGraceMs, () => setImmediate(() => this.#finish()))
  }

  /** Why it has ended although it was not ended from here. */
  #ownEnd(): WorkerEnd {
    const { containment, log } = this.#settings
    if (!containment.hasExceededMemory()) return this.#hasSpoken ? 'crash' : 'start_failed'
    log.warn({ worker: this.worker }, 'worker needs more memory than it may have and is ended')
    return 'memory_limit'
  }

  /** The leader has exited, and its pipes were read to their end or their time is up. */
  #finish(): void {
    if (!this.#exited || this.#exit) return
    this.#pipes.stdout.destroy()
    this.#pipes.stderr.destroy()
    this.#stderr.end()
    this.#exit = { ...this.#exited, stderr: this.#stderr.tail() }
    this.#flushToListener()
  }
}
