/** The state of a session while changes are applied to it, before it is stored. */
import type { JsonObject, JsonValue } from '../../base/json.ts'

/** A value with what it takes as JSON, in bytes. */
export interface Measured {
  readonly value: JsonValue
  readonly bytes: number
}

export class StateDraft {
  readonly #values: Map<string, JsonValue | undefined>
  /** The most that it may take, in bytes; undefined if that is not looked at here. */
  readonly #maxBytes: number | undefined
  /** What its entries take as JSON, each with the comma after it. */
  #bytes = 0
  /** What values that were looked at take: each is written once, however often it is changed. */
  readonly #valueBytes = new Map<string, number>()
  #isChanged = false

  constructor(values: JsonObject, maxBytes: number | undefined) {
    this.#values = new Map(Object.entries(values))
    this.#maxBytes = maxBytes
    if (maxBytes !== undefined && this.#values.size > 0) this.#bytes = bytesOf(values) - 1
  }

  get isChanged(): boolean {
    return this.#isChanged
  }

  get values(): JsonObject {
    return Object.fromEntries(this.#values)
  }

  /** The value itself, not a copy; undefined if there is none. */
  get(key: string): JsonValue | undefined {
    return this.#values.get(key)
  }

  /** Throws an error in words for the author of the module, and changes nothing, if the state were too large. */
  set(key: string, { value, bytes }: Measured): void {
    if (this.#maxBytes !== undefined) {
      const added = bytesOf(key) + 2 + bytes
      const total = this.#bytes - this.#entryBytes(key) + added
      if (total + 1 > this.#maxBytes) throw stateTooLarge(total + 1, this.#maxBytes)
      this.#bytes = total
      this.#valueBytes.set(key, bytes)
    }
    this.#values.set(key, value)
    this.#isChanged = true
  }

  /** Returns whether there was a value. */
  delete(key: string): boolean {
    if (!this.#values.has(key)) return false
    if (this.#maxBytes !== undefined) this.#bytes -= this.#entryBytes(key)
    this.#values.delete(key)
    this.#valueBytes.delete(key)
    this.#isChanged = true
    return true
  }

  #entryBytes(key: string): number {
    const value = this.#values.get(key)
    if (value === undefined) return 0
    return bytesOf(key) + 2 + (this.#valueBytes.get(key) ?? bytesOf(value))
  }
}

function bytesOf(value: JsonValue): number {
  return Buffer.byteLength(JSON.stringify(value))
}

function stateTooLarge(bytes: number, maxBytes: number): Error {
  return new Error(`the state of the session would take ${bytes} bytes; ${maxBytes} are allowed (sessions.stateBytes)`)
}
