/** Does something for each of many, a few at a time. */
import type { Cancel } from './cancel.ts'

/**
 * Resolves when all are done. After the first error, which it throws at once, and once it is stopped, nothing more is begun.
 * @param most how many run at once
 */
export async function eachFew<Item>(
  items: readonly Item[],
  most: number,
  run: (item: Item) => Promise<void>,
  stop: Pick<Cancel, 'cancelled'>,
): Promise<void> {
  const left = items.values()
  let hasFailed = false
  const lane = async (): Promise<void> => {
    for (const item of left) {
      if (hasFailed || stop.cancelled) return
      await run(item)
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(most, items.length) }, lane))
  } catch (error) {
    hasFailed = true
    throw error
  }
}
