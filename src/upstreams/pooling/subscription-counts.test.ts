import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ClientKey, Filter } from '../../protocol/call.ts'
import { SubscriptionCounts } from './subscription-counts.ts'

const filterOf = (uris: readonly string[]): Filter => ({
  toolsListChanged: true,
  promptsListChanged: false,
  resourcesListChanged: false,
  resourceUris: new Set(uris),
})
const uris = fc.uniqueArray(fc.constantFrom('a', 'b', 'c', '__proto__'))

test('the counts are the union of all filters at any time, with a new mark exactly when it changes', () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), uris }),
    fc.record({ do: fc.constant('remove' as const), at: fc.nat(10) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const subscriptionCounts = new SubscriptionCounts()
      const filters: Filter[] = []
      for (const one of steps) {
        const [before, mark] = [[...subscriptionCounts.uris()].sort(), subscriptionCounts.mark]
        if (one.do === 'add') {
          const filter = filterOf(one.uris)
          filters.push(filter)
          subscriptionCounts.add(filter, undefined)
        } else for (const filter of filters.splice(one.at, 1)) subscriptionCounts.remove(filter)
        const union = [...new Set(filters.flatMap(({ resourceUris }) => [...resourceUris]))].sort()
        expect([...subscriptionCounts.uris()].sort()).toEqual(union)
        expect(union.every((uri) => subscriptionCounts.has(uri))).toBe(true)
        expect(subscriptionCounts.mark === mark).toBe(before.join() === union.join())
      }
    }),
  )
})

test('the client is known as long as all subscriptions are of one known client', () => {
  const clientAfter = (...clients: ReadonlyArray<ClientKey | undefined>): ClientKey | undefined => {
    const subscriptionCounts = new SubscriptionCounts()
    subscriptionCounts.add(filterOf([]), 'one that wants no resource')
    for (const client of clients) subscriptionCounts.add(filterOf(['a']), client)
    return subscriptionCounts.client
  }
  expect(clientAfter('one', 'one')).toBe('one')
  expect(clientAfter()).toBeUndefined()
  expect(clientAfter('one', 'two')).toBeUndefined()
  expect(clientAfter('one', 'two', 'one')).toBeUndefined()
  expect(clientAfter(undefined, 'one')).toBeUndefined()
  expect(clientAfter('one', undefined)).toBeUndefined()
})
