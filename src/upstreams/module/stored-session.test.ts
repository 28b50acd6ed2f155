import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import type { JsonObject } from '../../base/json.ts'
import { ObjectChanges } from './object-changes.ts'
import type { CallerFacts, ToolSessions } from './object-host.ts'
import { StateChanges } from './state-changes.ts'
import { StoredSession } from './stored-session.ts'

const facts: CallerFacts = {
  tenant: 't',
  subject: 's',
  session: 'one',
  revision: '2025-11-25',
  capabilities: {},
  info: undefined,
}

/** A store of one state that counts its reads. */
class OneState implements ToolSessions {
  reads = 0
  #values: JsonObject = { a: 1, b: { c: 2 } }
  #version = 1

  async read(): ReturnType<ToolSessions['read']> {
    this.reads++
    return { values: this.#values, version: this.#version, maxBytes: 1000 }
  }

  async replace(_facts: CallerFacts, values: JsonObject, version: number): ReturnType<ToolSessions['replace']> {
    if (version !== this.#version) return 'conflict'
    this.#values = values
    this.#version++
    return 'stored'
  }

  history(): never[] {
    return []
  }
}

test('values that are asked for at once are read once; a later one sees what was changed', async () => {
  const sessions = new OneState()
  const session = new StoredSession(
    'one',
    facts,
    sessions,
    new ObjectChanges(new StateChanges(sessions, manualClock())),
  )
  const keys = ['a', 'b', 'missing']
  expect(await Promise.all(keys.map((key) => session.get(key)))).toEqual([1, { c: 2 }, undefined])
  expect(sessions.reads).toBe(1)
  const before = session.get('a')
  await session.set('a', 3)
  expect([await before, await session.get('a')]).toEqual([1, 3])
})
