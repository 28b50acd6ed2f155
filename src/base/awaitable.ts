/**
 * What is there at once, or comes later. For what every call asks for and an implementation may know at once: `await` would
 * cost each call a promise and a turn of the queue.
 */
export type Awaitable<Value> = Value | PromiseLike<Value>

/** Whether it comes later. An implementation may use promises of its own, so it is not enough to compare the class. */
export function isPending<Value>(value: Awaitable<Value>): value is PromiseLike<Value> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}
