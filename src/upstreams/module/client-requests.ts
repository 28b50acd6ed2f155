/** Requests that a handler sends to its client through `useCall`: input requests beside those of the SDK. */
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'

/** The SDKs use numbers, so these ids are ours. */
const prefix = 'mcplex-'

interface Pending {
  resolve(result: JsonObject): void
  reject(error: Error): void
}

export class ClientRequests {
  readonly #send: (message: JsonObject) => void
  readonly #pending = new Map<string, Pending>()
  #last = 0

  constructor(send: (message: JsonObject) => void) {
    this.#send = send
  }

  /** Sends a request to the client. Rejects with the client's error, or when the signal is aborted. */
  request(method: string, params: JsonObject, signal: AbortSignal): Promise<JsonObject> {
    const id = `${prefix}${++this.#last}`
    return new Promise((resolve, reject) => {
      const over = (): void => {
        signal.removeEventListener('abort', aborted)
        this.#pending.delete(id)
      }
      const aborted = (): void => {
        over()
        this.#send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } })
        reject(asError(signal.reason))
      }
      if (signal.aborted) return reject(asError(signal.reason))
      signal.addEventListener('abort', aborted)
      this.#pending.set(id, {
        resolve(result) {
          over()
          resolve(result)
        },
        reject(error) {
          over()
          reject(error)
        },
      })
      this.#send({ jsonrpc: '2.0', id, method, params })
    })
  }

  /** Takes a response; false if it is none to a request from here. */
  settle({ id, result, error }: JsonObject): boolean {
    if (typeof id !== 'string' || !id.startsWith(prefix)) return false
    const pending = this.#pending.get(id)
    if (isObject(result)) pending?.resolve(result)
    else pending?.reject(clientError(error))
    return true
  }

  /** The connection is over. */
  fail(why: string): void {
    for (const { reject } of [...this.#pending.values()]) reject(new Error(why))
  }
}

function clientError(error: JsonValue | undefined): Error {
  const { code, message } = isObject(error) ? error : {}
  const words = typeof message === 'string' ? message : 'the client answered with an error'
  return Object.assign(new Error(words), { code })
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason))
}
