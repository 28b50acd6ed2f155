import { cpus } from 'node:os'
import { expect, test } from 'vitest'
import { rawObject } from '../../protocol/json-text.ts'
import { legacyUpstreamCodec } from '../../protocol/legacy-client.ts'
import { createIsolationGroups } from './isolation-groups.ts'

const caller = {
  principal: { tenant: 'a', subject: 'ada' },
  client: { era: 'legacy', version: '2025-11-25', capabilities: {}, info: { name: 'test', version: '1' } },
  session: 'one',
} as const

test.each(['shared', 'tenant', 'call'] as const)(
  'a group of mode %s has as many workers as the pool, also after a change',
  (mode) => {
    let pool = cpus().length + 2
    const groups = createIsolationGroups(() => pool, false)
    const serverDescription = rawObject({})
    groups.serverEras.set('legacy', { codec: legacyUpstreamCodec, mode, statelessMode: mode, serverDescription })
    const group = groups.of(caller)
    expect(group.maxWorkers).toBe(pool)
    pool = 1
    expect(group.maxWorkers).toBe(1)
  },
)
