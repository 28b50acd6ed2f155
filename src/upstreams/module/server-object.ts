/**
 * A server object of a module as lines in and lines out. Lines go to it at once, so no backlog builds up; what it sends
 * while it is held back waits, up to a bound, and goes on beyond that: the bound of the call then ends the call.
 */
import type { Clock } from '../../base/clock.ts'
import type { EventSink, WorkerEnd } from '../../base/events.ts'
import type { Log } from '../../base/log.ts'
import type { MemoryAccount, MemoryBudget, Reservation } from '../../base/memory-budget.ts'
import { shareFor } from '../../base/transfers.ts'
import type { Call, Caller, WorkerId } from '../../protocol/call.ts'
import type { LineListener, LineTransport } from '../connection/line-transport.ts'
import type { WorkerExit } from '../worker-exit.ts'
import type { CallerFacts, HostedObject, ObjectEnd, ObjectHost } from './object-host.ts'

const edgeBytes = 256

export interface ServerObjectNeeds {
  readonly id: WorkerId
  readonly worker: number
  readonly host: ObjectHost
  /** The `purpose` in the event `workerStarted`. */
  readonly purpose: string
  readonly log: Log
  readonly events: EventSink
  readonly memory: MemoryBudget
  readonly maxLineBytes: number
  /** The module has failed: for the log and the health report. */
  readonly complained: (end: ObjectEnd, worker: number) => void
  /** It has ended, for whatever reason. */
  readonly gone: () => void
  readonly clock: Clock
}

export class ServerObject implements LineTransport {
  readonly id: WorkerId
  readonly worker: number
  readonly backlog = 0
  readonly memory: MemoryAccount
  readonly inputRequestMemory: MemoryAccount
  readonly #needs: ServerObjectNeeds
  #hosted: HostedObject | undefined
  #owner: CallerFacts | undefined
  #listener: LineListener | undefined
  #exit: WorkerExit | undefined
  #onExited: (() => void) | undefined
  #closing: Promise<void> | undefined
  #activeAtMs = 0
  #hasSpoken = false

  constructor(needs: ServerObjectNeeds) {
    this.#needs = needs
    this.id = needs.id
    this.worker = needs.worker
    const shareBytes = shareFor(needs.memory, needs.maxLineBytes)
    this.memory = needs.memory.account(shareBytes)
    this.inputRequestMemory = needs.memory.account(shareBytes, 'lasting')
    needs.events.emit('workerStarted', { worker: this.worker, pid: process.pid, purpose: needs.purpose })
  }

  /** When it was last sent something, or sent something, in milliseconds of the clock. */
  get activeAtMs(): number {
    return this.#activeAtMs
  }

  get exited(): boolean {
    return this.#exit !== undefined
  }

  whenExited(listener: () => void): void {
    if (this.exited) listener()
    else this.#onExited = listener
  }

  roomFor(): Reservation {
    return 'reserved'
  }

  send(line: string, call?: Call): void {
    if (this.#exit) return
    this.#activeAtMs = this.#needs.clock.now()
    this.#hosted ??= this.#needs.host.open(
      {
        message: (text, callId) => this.#message(text, callId),
        ended: (end) => this.#ended(end),
        complained: (end) => this.#needs.complained(end, this.worker),
      },
      this.#owner,
    )
    this.#hosted.send(line, call ? factsOf(call) : this.#owner)
  }

  listen(listener: LineListener, owner?: Caller): void {
    this.#listener = listener
    this.#owner = owner && factsOf(owner)
    if (this.#exit) queueMicrotask(() => this.#tellExit())
  }

  hold(isHeld: boolean): void {
    this.#hosted?.hold(isHeld)
  }

  close(reason: WorkerEnd = 'stopped'): Promise<void> {
    this.#closing ??= this.#close(reason)
    return this.#closing
  }

  async #close(reason: WorkerEnd): Promise<void> {
    if (this.#exit) return
    const closed = this.#hosted?.close()
    // From here on the object can say nothing that is of use; but its `onclose` may take a moment.
    await closed
    this.#finish({ code: null, signal: null, expected: true, stderr: '', reason })
  }

  kill(reason: WorkerEnd = 'stopped'): void {
    if (this.#exit) return
    this.#hosted?.kill()
    this.#finish({ code: null, signal: null, expected: true, stderr: '', reason })
  }

  #ended(end: ObjectEnd): void {
    if (this.#exit || this.#closing) return
    this.#needs.complained(end, this.worker)
    const reason = this.#hasSpoken ? 'crash' : 'start_failed'
    const stderr = [end.what, end.error ?? ''].join('\n').trim()
    this.#finish({ code: 1, signal: null, expected: false, stderr, reason })
  }

  #finish(exit: WorkerExit & { readonly reason: WorkerEnd }): void {
    if (this.#exit) return
    this.#exit = exit
    this.#onExited?.()
    this.#needs.gone()
    this.#needs.events.emit('workerEnded', {
      worker: this.worker,
      code: exit.code,
      signal: null,
      expected: exit.expected,
      reason: exit.reason,
    })
    this.memory.close()
    this.inputRequestMemory.close()
    this.#tellExit()
  }

  #tellExit(): void {
    const listener = this.#listener
    this.#listener = undefined
    if (this.#exit) listener?.exit(this.#exit)
  }

  #message(text: string, callId: number | undefined): void {
    const { maxLineBytes, events, log, clock } = this.#needs
    if (this.#exit) return
    this.#activeAtMs = clock.now()
    this.#hasSpoken = true
    if (text.length * 3 > maxLineBytes) {
      const bytes = Buffer.byteLength(text)
      if (bytes > maxLineBytes) {
        events.emit('dropped', { what: 'stdout_line', count: 1 })
        const [head, tail] = [edgeOf(text.slice(0, edgeBytes)), edgeOf(text.slice(-edgeBytes))]
        return this.#listener?.dropped({ bytes, head, tail, why: 'too_long' })
      }
    }
    try {
      this.#listener?.line(text, callId)
    } catch (error) {
      // A bug of ours must not become an error of the tool: only this object is ended.
      log.error({ worker: this.worker, err: error }, 'a line of a worker met a fault; it is ended')
      this.kill('fault')
    }
  }
}

/** One character for each byte, as the connection expects the edges of a line that was dropped. */
function edgeOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}

function factsOf({ principal, client, session }: Caller): CallerFacts {
  return {
    tenant: principal.tenant,
    ...(principal.issuer !== undefined && { issuer: principal.issuer }),
    subject: principal.subject,
    session,
    revision: client.version,
    capabilities: client.capabilities,
    info: client.info,
  }
}
