/** The same script over pipes alone: a client that starts mcplex instead of the server is told the same. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { args, failing, steps } from './everything-steps.ts'
import { command, type Person, play, sdks } from './person.ts'
import { steady } from './same.ts'

describe.each(sdks.filter(({ name }) => !name.includes('over')))('$name', ({ connect }) => {
  let people: Person[] = []
  let given: Array<Map<string, unknown>> = []
  beforeAll(async () => {
    const roots = ['file:///somewhere', 'file:///elsewhere']
    const through = [command, 'serve', '--transport', 'stdio', '--', process.execPath, ...args]
    people = await Promise.all([connect({ args, env: {} }, roots), connect({ args: through, env: {} }, roots)])
    given = await Promise.all(people.map((person) => play(person, steps)))
  }, 60_000)
  afterAll(async () => {
    await Promise.allSettled(people.map((person) => person.close()))
  })

  test.each(steps.map(([name]) => name))('%s', (name) => {
    const [direct, through] = given.map((run) => steady(run.get(name)))
    expect(through).toEqual(direct)
    expect(direct).toBeDefined()
  })

  test('no step failed that should not have: the comparison is of answers', () => {
    const failed = steps.map(([name]) => name).filter((name) => Object.hasOwn(Object(given[1]?.get(name)), 'error'))
    expect(failed).toEqual(failing)
  })
})
