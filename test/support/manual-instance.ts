/** For tests of pools: an instance of a server that takes every line, answers none, and exits when the test says so. */
import type { Clock } from '../../src/base/clock.ts'
import { createEvents } from '../../src/base/events.ts'
import { createMemoryBudget } from '../../src/base/memory-budget.ts'
import { holderOf, Transfers } from '../../src/base/transfers.ts'
import { UpstreamConnection } from '../../src/upstreams/connection/connection.ts'
import type { LineListener } from '../../src/upstreams/connection/line-transport.ts'
import type { OpenedWorker, ServerInstance, WorkerNeeds } from '../../src/upstreams/worker.ts'

/** For the start of a worker at which nothing else happens. */
export const uneventful: Omit<WorkerNeeds, 'standing' | 'codec' | 'caller' | 'attribution'> = {
  announced: {},
  mustDiscover: false,
  unsolicited: () => true,
  unattributed() {},
  notReading() {},
  recovered() {},
  failed() {},
  connected() {},
  ended() {},
}

export class ManualInstance implements ServerInstance {
  /** In milliseconds of the clock. */
  readonly startedMs: number
  memoryBytes: number | undefined
  /** Whether it takes its time to end when it is told to: it ends by `exit` alone. */
  lingers = false
  readonly #clock: Clock
  #listener: LineListener | undefined
  #exited: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.startedMs = clock.now()
  }

  whenExited(exited: () => void): void {
    this.#exited = exited
  }

  exit(expected: boolean): void {
    const exited = this.#exited
    this.#exited = undefined
    exited?.()
    if (exited) this.#listener?.exit({ code: 0, signal: null, expected, stderr: '' })
  }

  async open(needs: WorkerNeeds): Promise<OpenedWorker> {
    const clock = this.#clock
    const memory = createMemoryBudget(Infinity)
    const worker: UpstreamConnection = new UpstreamConnection({
      transport: {
        id: 'instance.1',
        worker: 1,
        backlog: 0,
        memory: memory.account(),
        inputRequestMemory: memory.account(),
        roomFor: () => 'reserved',
        exited: false,
        whenExited() {},
        send() {},
        listen: (listener) => void (this.#listener = listener),
        hold() {},
        close: () => this.close(),
        kill: () => this.exit(true),
      },
      standing: needs.standing,
      codec: needs.codec,
      announced: {},
      attribution: needs.attribution,
      hasOneClient: false,
      clock,
      events: createEvents(),
      callIdleMs: 1000,
      callTotalMs: 5000,
      unsolicited: () => true,
      ended: (exit) => needs.ended(worker, exit),
      unattributed() {},
      notReading() {},
      recovered() {},
      invalid() {},
      waiting: holderOf(new Transfers(memory, clock, Infinity, () => {}), memory.account()),
    })
    needs.connected(worker)
    return { worker, serverDescription: undefined }
  }

  watch(): void {}

  async close(): Promise<void> {
    if (!this.lingers) this.exit(true)
  }
}
