/** A process of the server as an instance that can become a worker: a child, and how a conversation with it begins. */
import type { Connector } from '../connection/connector.ts'
import type { OpenedWorker, ServerInstance, WorkerNeeds } from '../worker.ts'
import type { WorkerExit } from '../worker-exit.ts'
import type { Child } from './child.ts'

export class ServerProcess implements ServerInstance {
  readonly child: Child
  readonly #connector: Connector

  constructor(child: Child, connector: Connector) {
    this.child = child
    this.#connector = connector
  }

  whenExited(exited: () => void): void {
    this.child.whenExited(exited)
  }

  open(needs: WorkerNeeds): Promise<OpenedWorker> {
    return this.#connector.open(this.child, needs)
  }

  watch(exited: (exit: WorkerExit) => void): void {
    this.child.listen({ line() {}, dropped() {}, exit: exited })
  }

  close(): Promise<void> {
    return this.child.close()
  }
}
