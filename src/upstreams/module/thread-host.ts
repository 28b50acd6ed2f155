/**
 * Server objects of a module in a thread of their own. A thread that ends takes all its objects with it, and the next object
 * starts another one. Killing an object ends the thread: nothing else stops code that computes without a pause.
 */
import { Worker } from 'node:worker_threads'
import { type Clock, pause } from '../../base/clock.ts'
import type { SharedResourceFacts } from '../../base/shared-resource-facts.ts'
import { ModuleError } from './load-module.ts'
import type { HostedObject, ObjectEnd, ObjectHost, ObjectListener, ToolSessions } from './object-host.ts'
import type { FromThread, SessionRequest, ThreadStart, ToThread } from './thread-messages.ts'

/** The compiled file, whether this one is compiled or not. */
const entry = new URL('../../../dist/upstreams/module/thread-entry.js', import.meta.url)
/** How long the thread may take to close an object: longer than the object itself may. */
const closeMs = 3000

export interface ThreadHostNeeds {
  readonly module: string
  readonly sessions: ToolSessions
  readonly clock: Clock
  /** What the module has begun as it was loaded has failed: it belongs to no server object. */
  readonly complained: (end: ObjectEnd) => void
}

export function createThreadHost(needs: ThreadHostNeeds): ObjectHost {
  const objects = new Map<
    number,
    { readonly listener: ObjectListener; readonly thread: ModuleThread; closed?(): void }
  >()
  let last = 0
  let thread: ModuleThread | undefined

  const living = (): ModuleThread => {
    if (thread && !thread.isOver) return thread
    return (thread = new ModuleThread(needs, {
      message: (object, text, callId) => objects.get(object)?.listener.message(text, callId),
      complained(object, end) {
        if (object === undefined) needs.complained(end)
        else objects.get(object)?.listener.complained(end)
      },
      closed: (object) => objects.get(object)?.closed?.(),
      ended(object, end) {
        const { listener } = objects.get(object) ?? {}
        objects.delete(object)
        listener?.ended(end)
      },
      over(of, end) {
        for (const [object, { listener, thread: own, closed }] of objects) {
          if (own !== of) continue
          objects.delete(object)
          closed?.()
          listener.ended(end)
        }
      },
    }))
  }

  return {
    load: () => living().loaded,
    open(listener, owner): HostedObject {
      const object = ++last
      const own = living()
      objects.set(object, { listener, thread: own })
      own.tell({ kind: 'open', object, owner })
      return {
        send: (line, facts) => own.tell({ kind: 'send', object, line, facts }),
        hold: (isHeld) => own.tell({ kind: 'hold', object, isHeld }),
        async close() {
          if (!objects.has(object)) return
          const closed = new Promise<void>((resolve) => {
            objects.set(object, { listener: silent, thread: own, closed: resolve })
          })
          own.tell({ kind: 'close', object })
          await Promise.race([closed, pause(needs.clock, closeMs)])
          objects.delete(object)
        },
        kill() {
          // A close under way waits for nothing more.
          objects.get(object)?.closed?.()
          objects.delete(object)
          void own.end()
        },
      }
    },
    counts: () => (thread && !thread.isOver ? thread.counts : {}),
    sharedResources: () => (thread && !thread.isOver ? thread.sharedResources : []),
    async close() {
      objects.clear()
      await thread?.finish()
    },
  }
}

const silent: ObjectListener = { message() {}, ended() {}, complained() {} }

interface ThreadEvents {
  message(object: number, text: string, callId: number | undefined): void
  complained(object: number | undefined, end: ObjectEnd): void
  closed(object: number): void
  ended(object: number, end: ObjectEnd): void
  /** The thread has ended, and all its objects with it. */
  over(thread: ModuleThread, end: ObjectEnd): void
}

class ModuleThread {
  /** Rejects if the module cannot be loaded. */
  readonly loaded: Promise<void>
  readonly #worker: Worker
  readonly #gone: Promise<void>
  readonly #clock: Clock
  #counts: Readonly<Record<string, number>> = {}
  #sharedResources: readonly SharedResourceFacts[] = []
  #isOver = false
  #finished = (): void => {}

  constructor({ module, sessions, clock }: ThreadHostNeeds, events: ThreadEvents) {
    this.#clock = clock
    const workerData: ThreadStart = { module }
    this.#worker = new Worker(entry, { workerData })
    let failure: unknown
    this.#worker.on('error', (error) => (failure = error))
    this.#gone = new Promise((resolve) => {
      this.#worker.on('exit', (code) => {
        this.#isOver = true
        resolve()
        const error = failure instanceof Error ? (failure.stack ?? failure.message) : undefined
        events.over(this, { what: `its thread has ended (${code})`, ...(error !== undefined && { error }) })
      })
    })
    this.loaded = new Promise((resolve, reject) => {
      void this.#gone.then(() => reject(new ModuleError('the thread of the module has ended')))
      this.#worker.on('message', (message: FromThread) => {
        switch (message.kind) {
          case 'loaded':
            return resolve()
          case 'not_loaded':
            return reject(new ModuleError(message.words))
          case 'message':
            return events.message(message.object, message.text, message.callId)
          case 'ended':
            return events.ended(message.object, message.end)
          case 'complained':
            return events.complained(message.object, message.end)
          case 'closed':
            return events.closed(message.object)
          case 'counts':
            this.#counts = message.counts
            this.#sharedResources = message.sharedResources
            return
          case 'finished':
            return this.#finished()
          case 'request':
            return void this.#answer(message.request, message, sessions)
        }
      })
    })
    // Whoever asks for it gets the rejection.
    this.loaded.catch(() => {})
  }

  get isOver(): boolean {
    return this.#isOver
  }

  /** The figures of the module, a moment old. */
  get counts(): Readonly<Record<string, number>> {
    return this.#counts
  }

  /** What of it is in use or waited for, a moment old. */
  get sharedResources(): readonly SharedResourceFacts[] {
    return this.#sharedResources
  }

  tell(message: ToThread): void {
    // A thread has no origin.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    if (!this.#isOver) this.#worker.postMessage(message)
  }

  /** Has the module end what it shares among its sessions, and ends the thread then. */
  async finish(): Promise<void> {
    const finished = new Promise<void>((resolve) => (this.#finished = resolve))
    this.tell({ kind: 'finish' })
    await Promise.race([finished, this.#gone, pause(this.#clock, closeMs)])
    await this.end()
  }

  /** Ends the thread at once; resolves when it has ended. */
  async end(): Promise<void> {
    void this.#worker.terminate()
    await this.#gone
  }

  async #answer(request: number, asked: SessionRequest, sessions: ToolSessions): Promise<void> {
    try {
      this.tell({ kind: 'given', request, value: await answerTo(asked, sessions) })
    } catch (error) {
      this.tell({ kind: 'refused', request, words: error instanceof Error ? error.message : String(error) })
    }
  }
}

function answerTo(asked: SessionRequest, sessions: ToolSessions): unknown {
  switch (asked.what) {
    case 'read':
      return sessions.read(asked.facts)
    case 'replace':
      return sessions.replace(asked.facts, asked.values, asked.version)
    case 'history':
      return sessions.history(asked.facts)
  }
}
