/** An instance of the server that can become a worker: its transport, and how a conversation over it begins. */
import type { WorkerEnd } from '../../base/events.ts'
import type { Connector } from '../connection/connector.ts'
import type { LineTransport } from '../connection/line-transport.ts'
import type { OpenedWorker, ServerInstance, WorkerNeeds } from '../worker.ts'
import type { WorkerExit } from '../worker-exit.ts'

export class ConnectedInstance implements ServerInstance {
  readonly transport: LineTransport
  /** When it was started, in milliseconds of the clock. */
  readonly startedMs: number
  readonly #connector: Connector

  constructor(transport: LineTransport, connector: Connector, startedMs: number) {
    this.transport = transport
    this.#connector = connector
    this.startedMs = startedMs
  }

  get memoryBytes(): number | undefined {
    return this.transport.memoryBytes
  }

  whenExited(exited: () => void): void {
    this.transport.whenExited(exited)
  }

  open(needs: WorkerNeeds): Promise<OpenedWorker> {
    return this.#connector.open(this.transport, needs)
  }

  watch(exited: (exit: WorkerExit) => void): void {
    this.transport.listen({ line() {}, dropped() {}, exit: exited })
  }

  close(reason: WorkerEnd): Promise<void> {
    return this.transport.close(reason)
  }
}
