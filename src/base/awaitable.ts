/**
 * What is there at once, or comes later. For what every call asks for and an implementation may know at once: `await` would
 * cost each call a promise and a turn of the queue. Look with `instanceof Promise`.
 */
export type Awaitable<Value> = Value | Promise<Value>
