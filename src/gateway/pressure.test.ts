import { expect, test } from 'vitest'
import { fullest, watchPressure } from './pressure.ts'

test('the fullest queue counts, and a short one not at all', () => {
  expect(fullest([])).toBe(0)
  expect(
    fullest([
      { waiting: 20, bound: 100 },
      { waiting: 80, bound: 100 },
      { waiting: 2, bound: 2 },
    ]),
  ).toBe(0.8)
})

test('a blocked event loop is measured in milliseconds, memory as a part of what may be used', async () => {
  const pressure = watchPressure(() => [])
  let isBlocked = false
  const blockOrMeasure = (): number => {
    isBlocked = !isBlocked
    if (!isBlocked) return pressure.measure().event_loop
    const endMs = performance.now() + 100
    while (performance.now() < endMs);
    return 0
  }
  await expect.poll(blockOrMeasure, { timeout: 20_000 }).toBeGreaterThan(50)
  const { memory } = pressure.measure()
  expect(memory).toBeGreaterThan(0)
  expect(memory).toBeLessThan(1)
  pressure.close()
})
