/** The thread of a module: its server objects, spoken to through messages (thread-host.ts is the other side). */
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from '../../base/clock.ts'
import { createLocalHost } from './local-host.ts'
import { wordsOf } from './local-object.ts'
import type { HostedObject, ToolSessions } from './object-host.ts'
import type { FromThread, SessionRequest, ThreadStart, ToThread } from './thread-messages.ts'

/** How often changed figures are told. */
const countEveryMs = 500

function serve(port: NonNullable<typeof parentPort>, { module }: ThreadStart): void {
  const tell = (message: FromThread): void => port.postMessage(message)
  const objects = new Map<number, HostedObject>()
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>()
  let requests = 0

  const ask = <Value>(request: SessionRequest): Promise<Value> =>
    new Promise((resolve, reject) => {
      const number = ++requests
      waiting.set(number, { resolve: (value) => resolve(value as Value), reject })
      tell({ kind: 'request', request: number, ...request })
    })
  const sessions: ToolSessions = {
    read: (facts) => ask({ what: 'read', facts }),
    replace: (facts, values, version) => ask({ what: 'replace', facts, values, version }),
    history: (facts) => ask({ what: 'history', facts }),
  }
  const host = createLocalHost({
    module,
    sessions,
    clock: systemClock,
    complained: (end) => tell({ kind: 'complained', object: undefined, end }),
  })
  host.load().then(
    () => tell({ kind: 'loaded' }),
    (error: unknown) => tell({ kind: 'not_loaded', words: wordsOf(error) }),
  )

  let told = '{}'
  systemClock.every(countEveryMs, () => {
    const figures = { counts: host.counts(), sharedResources: host.sharedResources() }
    const text = JSON.stringify(figures)
    if (text !== told) tell({ kind: 'counts', ...figures })
    told = text
  })

  port.on('message', (message: ToThread) => {
    switch (message.kind) {
      case 'open': {
        const { object } = message
        const listener = {
          message: (text: string, callId?: number) => tell({ kind: 'message', object, text, callId }),
          ended: (end: { what: string; error?: string }) => {
            objects.delete(object)
            tell({ kind: 'ended', object, end })
          },
          complained: (end: { what: string; error?: string }) => tell({ kind: 'complained', object, end }),
        }
        objects.set(object, host.open(listener, message.owner))
        break
      }
      case 'send':
        objects.get(message.object)?.send(message.line, message.facts)
        break
      case 'hold':
        objects.get(message.object)?.hold(message.isHeld)
        break
      case 'close': {
        const closing = objects.get(message.object)?.close() ?? Promise.resolve()
        objects.delete(message.object)
        void closing.then(() => tell({ kind: 'closed', object: message.object }))
        break
      }
      case 'finish':
        void host.close().then(() => tell({ kind: 'finished' }))
        break
      case 'given':
        waiting.get(message.request)?.resolve(message.value)
        waiting.delete(message.request)
        break
      case 'refused':
        waiting.get(message.request)?.reject(new Error(message.words))
        waiting.delete(message.request)
    }
  })
}

if (parentPort) serve(parentPort, workerData as ThreadStart)
