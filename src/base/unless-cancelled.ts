/** Waits for a promise on behalf of a call. */
import type { Cancel } from './cancel.ts'
import { Refusal } from './refusal.ts'

/** What the promise resolves or rejects with. Throws the refusal `cancelled` as soon as the signal fires; the promise goes on. */
export async function unlessCancelled<Value>(cancel: Cancel, promise: Promise<Value>): Promise<Value> {
  let stop = (): void => {}
  const cancelled = new Promise<never>((_, reject) => {
    stop = cancel.onCancel(() => reject(new Refusal('cancelled')))
  })
  try {
    return await Promise.race([promise, cancelled])
  } finally {
    stop()
  }
}
