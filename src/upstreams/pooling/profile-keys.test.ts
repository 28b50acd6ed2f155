import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { profileOf } from '../../protocol/capabilities.ts'
import type { JsonObject, RawObject } from '../../protocol/json-text.ts'
import { emptyProfile, ProfileKeys } from './profile-keys.ts'

const odd = (index: number): RawObject => profileOf({ roots: {}, extensions: { [`com.example/${index}`]: {} } })

/** All values that a client can declare for each capability, and odd ones. */
const kinds: Readonly<Record<string, readonly unknown[]>> = {
  elicitation: [undefined, {}, { form: {} }, { url: {} }, { form: {}, url: {} }, { other: {} }, 7],
  roots: [undefined, {}, { listChanged: true }, { listChanged: 'odd' }],
  sampling: [undefined, {}, { context: {} }, { tools: {} }, { context: {}, tools: {} }, { tools: 7 }],
  tasks: [
    undefined,
    {},
    { list: {} },
    { cancel: {}, requests: { sampling: {} } },
    { requests: { sampling: { createMessage: {} } } },
    { list: {}, requests: { elicitation: { create: {} }, sampling: { createMessage: {} }, other: {} } },
    { requests: { elicitation: { create: {} } } },
  ],
}

const everyProfile = (): JsonObject[] =>
  Object.entries(kinds).reduce<JsonObject[]>(
    (sofar, [kind, values]) =>
      sofar.flatMap((known) => values.map((value) => ({ ...known, [kind]: value }) as JsonObject)),
    [{}],
  )

test('profiles without extensions are a closed set, and always kept apart', () => {
  const profiles = new ProfileKeys(manualClock())
  for (let index = 0; index < 100; index++) profiles.keyOf(odd(index))
  const without = everyProfile()
  const keys = new Set(without.map((capabilities) => profiles.keyOf(profileOf(capabilities))))
  expect(without.length).toBe(7 * 4 * 6 * 7)
  expect(keys.size).toBe(5 * 3 * 5 * 5)
  for (const { tasks: _, ...rest } of without) {
    const profile = profileOf(rest)
    expect(profiles.keyOf(profile), 'as it was declared').toBe(profile.text)
  }
})

test('few profiles with extensions are kept apart, and the others count as if they had none', () => {
  const profiles = new ProfileKeys(manualClock())
  const keys = Array.from({ length: 100 }, (_, index) => profiles.keyOf(odd(index)))
  expect(new Set(keys).size).toBe(17)
  expect(keys.at(-1)).toBe('{"roots":{}}')
  expect(profiles.keyOf(odd(0)), 'those that were first stay').toBe(odd(0).text)
})

test('profiles that no client uses any more are forgotten, so that others can be kept apart', () => {
  const clock = manualClock()
  const profiles = new ProfileKeys(clock)
  for (let index = 0; index < 100; index++) profiles.keyOf(odd(index))
  clock.advance(59_000)
  expect(profiles.keyOf(odd(1))).toBe(odd(1).text)
  expect(profiles.keyOf(odd(500))).not.toBe(odd(500).text)
  clock.advance(1_000)
  expect(profiles.keyOf(odd(500))).toBe(odd(500).text)
  expect(profiles.keyOf(odd(1)), 'who was there a moment ago still is').toBe(odd(1).text)
})

test('a client that declares nothing, or an empty set of extensions, has the profile without extensions', () => {
  expect(new ProfileKeys(manualClock()).keyOf(profileOf({}))).toBe(emptyProfile)
  expect(new ProfileKeys(manualClock()).keyOf(profileOf({ extensions: {} }))).toBe(emptyProfile)
})

test('a very long profile counts as if it had no extensions', () => {
  const long = profileOf({ roots: {}, extensions: { 'com.example/long': { text: 'x'.repeat(5000) } } })
  expect(new ProfileKeys(manualClock()).keyOf(long)).toBe('{"roots":{}}')
})
