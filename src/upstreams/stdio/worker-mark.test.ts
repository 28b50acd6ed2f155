import { expect, test } from 'vitest'
import { createMarks } from './worker-mark.ts'

const environment = (...variables: string[]): Buffer => Buffer.from(variables.map((each) => `${each}\0`).join(''))

test('a mark is found among other variables, first or last, whatever those hold', () => {
  const marks = createMarks()
  const [variable = ''] = Object.entries(marks.variableOf(17)).map(([name, value]) => `${name}=${value}`)
  expect(variable).toMatch(/^MCPLEX_WORKER=[0-9a-f]{32}\.17$/)
  expect(variable).toBe(`MCPLEX_WORKER=${marks.idOf(17)}`)
  expect(marks.workerIn(environment(variable, 'PATH=/bin'))).toBe(17)
  expect(marks.workerIn(environment('PATH=/bin', 'X=\n\n', variable))).toBe(17)
  expect(marks.workerIn(Buffer.from(variable)), 'cut off by a program that gave itself a title').toBe(17)
})

test('the mark of another gateway, with an invalid number, or half a mark is not taken for one', () => {
  const [marks, others] = [createMarks(), createMarks()]
  expect(marks.gateway).not.toBe(others.gateway)
  expect(marks.idOf(1), 'so an id that has been to another instance matches no worker there').not.toBe(others.idOf(1))
  const text = `MCPLEX_WORKER=${marks.gateway}.`
  expect(others.workerIn(environment(`${text}1`))).toBeUndefined()
  expect(marks.workerIn(environment(`${text}1x`))).toBeUndefined()
  expect(marks.workerIn(environment(text))).toBeUndefined()
  expect(marks.workerIn(environment(text.slice(0, -1)))).toBeUndefined()
  expect(marks.workerIn(Buffer.alloc(0))).toBeUndefined()
})
