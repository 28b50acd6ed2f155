/** Tests which client names are kept apart. */
import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import type { ClientDescription } from '../../protocol/call.ts'
import type { JsonObject } from '../../protocol/json-text.ts'
import { ClientNames } from './client-names.ts'

const clientOf = (info: JsonObject | undefined): ClientDescription => {
  return { era: 'legacy', version: '2025-11-25', capabilities: {}, info }
}
const app = (index: number): ClientDescription => clientOf({ name: `app-${index}`, version: '1', title: 'An app' })

test('sixteen names are kept apart, by name and version alone', () => {
  const names = new ClientNames(manualClock())
  const keys = Array.from({ length: 16 }, (_, index) => names.keyOf(app(index)))
  expect(new Set(keys).size).toBe(16)
  expect(keys[3]).toBe('{"name":"app-3","version":"1"}')
  expect(names.keyOf(app(16))).toBeUndefined()
  expect(names.keyOf(app(3))).toBe(keys[3])
})

test('the least recently used name makes way once it was unused for a minute', () => {
  const clock = manualClock()
  const names = new ClientNames(clock)
  for (let index = 0; index < 16; index++) names.keyOf(app(index))
  clock.advance(59_000)
  for (let index = 1; index < 16; index++) names.keyOf(app(index))
  expect(names.keyOf(app(16))).toBeUndefined()
  clock.advance(1000)
  expect(names.keyOf(app(16))).toBeDefined()
  expect(names.keyOf(app(0))).toBeUndefined()
  expect(names.keyOf(app(1))).toBeDefined()
})

test('clients without a name, or with one that no client has, are not kept apart', () => {
  const names = new ClientNames(manualClock())
  const odd = [undefined, {}, { name: '' }, { name: 7 }, { name: 'x'.repeat(129) }, { name: 'x', version: {} }]
  for (const info of odd) expect(names.keyOf(clientOf(info as JsonObject))).toBeUndefined()
  expect(names.keyOf(clientOf({ name: 'x' }))).toBe('{"name":"x"}')
})
