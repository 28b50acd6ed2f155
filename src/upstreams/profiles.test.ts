import { expect, test } from 'vitest'
import { manualClock } from '../base/clock.ts'
import { rawObject } from '../protocol/json-text.ts'
import { noProfile, Profiles } from './profiles.ts'

const odd = (index: number): ReturnType<typeof rawObject> =>
  rawObject({ roots: {}, extensions: { [`com.example/${index}`]: {} } })

test('however many profiles there are, few are told apart, and the others are known by what is common', () => {
  const profiles = new Profiles(manualClock())
  const keys = Array.from({ length: 100 }, (_, index) => profiles.keyOf(odd(index)))
  expect(new Set(keys).size).toBe(9)
  expect(keys.at(-1)).toBe('{"roots":{}}')
  expect(profiles.keyOf(odd(0)), 'those that were first stay').toBe(odd(0).text)
})

test('profiles that nobody has any more give their place to others', () => {
  const clock = manualClock()
  const profiles = new Profiles(clock)
  for (let index = 0; index < 100; index++) profiles.keyOf(odd(index))
  clock.advance(59_000)
  expect(profiles.keyOf(odd(1))).toBe(odd(1).text)
  expect(profiles.keyOf(odd(500))).not.toBe(odd(500).text)
  clock.advance(1_000)
  expect(profiles.keyOf(odd(500))).toBe(odd(500).text)
  expect(profiles.keyOf(odd(1)), 'who was there a moment ago still is').toBe(odd(1).text)
})

test('a client that declares nothing is always known as such', () => {
  const profiles = new Profiles(manualClock())
  for (let index = 0; index < 100; index++) profiles.keyOf(odd(index))
  expect(profiles.keyOf(rawObject({}))).toBe(noProfile)
  expect(profiles.keyOf(rawObject({ extensions: { other: {} } }))).toBe(noProfile)
})
