import { expect, test } from 'vitest'
import type { ProvidedSettings } from './provided.ts'
import { tenantBoundWarnings } from './tenant-bound-warnings.ts'

function warned(tenants: Readonly<Record<string, Readonly<Record<string, number>>>>): readonly string[] {
  const provided: ProvidedSettings = {
    values: new Map(),
    upstreams: new Map(),
    endpoints: new Map(),
    tenants: new Map(
      Object.entries(tenants).map(([name, values]) => [
        name,
        new Map(Object.entries(values).map(([key, value]) => [key, { value, where: 'here', quote: 'it' }] as const)),
      ]),
    ),
  }
  return tenantBoundWarnings(provided).map(({ message }) => message.split(' ')[0] ?? '')
}

test('a bound on workers without one on waits is warned of, where it stands', () => {
  expect(warned({ default: { maxWorkers: 5 }, acme: {} })).toEqual(['tenants.default.maxWorkers'])
  expect(warned({ acme: { maxWorkers: 5, maxWaiting: 0 } })).toEqual(['tenants.acme.maxWorkers'])
  expect(warned({ default: { maxWaiting: 50 }, acme: { maxWorkers: 5 } })).toEqual([])
  expect(warned({ acme: { maxWorkers: 0 }, other: { maxWorkers: 5, maxWaiting: 9 } })).toEqual([])
})
