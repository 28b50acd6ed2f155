/**
 * Requests that a handler sends to its client through `useCall`: input requests beside those of the SDK. Each names the call
 * that its handler works on, so that its client is known even where several clients share the server object.
 */
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'

/** The SDKs use numbers, so these ids are ours. */
const prefix = 'mcplex-'

interface Pending {
  resolve(result: JsonObject): void
  reject(error: Error): void
}

export interface ClientRequest {
  /** Rejects with the client's error, or when the request is withdrawn. */
  readonly result: Promise<JsonObject>
  /** Has the client not asked any more; does nothing once there is an answer. */
  withdraw(why: Error): void
}

export class ClientRequests {
  readonly #send: (message: JsonObject, callId?: JsonValue) => void
  readonly #pending = new Map<string, Pending>()
  #last = 0

  constructor(send: (message: JsonObject, callId?: JsonValue) => void) {
    this.#send = send
  }

  /** Sends a request to the client of a call. @param callId the id of the call, as the server object was given it */
  request(method: string, params: JsonObject, callId: JsonValue | undefined): ClientRequest {
    const id = `${prefix}${++this.#last}`
    const result = new Promise<JsonObject>((resolve, reject) => {
      this.#pending.set(id, { resolve, reject })
      this.#send({ jsonrpc: '2.0', id, method, params }, callId)
    })
    return {
      result,
      withdraw: (why) => {
        const pending = this.#take(id)
        if (!pending) return
        this.#send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } })
        pending.reject(why)
      },
    }
  }

  /** Takes a response; false if it is none to a request from here. */
  settle({ id, result, error }: JsonObject): boolean {
    if (typeof id !== 'string' || !id.startsWith(prefix)) return false
    const pending = this.#take(id)
    if (isObject(result)) pending?.resolve(result)
    else pending?.reject(clientError(error))
    return true
  }

  /** The connection is over. */
  fail(why: string): void {
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(new Error(why))
  }

  #take(id: string): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    return pending
  }
}

function clientError(error: JsonValue | undefined): Error {
  const { code, message } = isObject(error) ? error : {}
  const words = typeof message === 'string' ? message : 'the client answered with an error'
  return Object.assign(new Error(words), { code })
}
