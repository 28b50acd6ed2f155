/** The refusal of an unknown endpoint, bounded however many endpoints there are. */
import { expect, test } from 'vitest'
import { unknownEndpoint } from './unknown-endpoint.ts'

test('names at most twenty endpoints, and says how many more there are', () => {
  const names = ['', ...Array.from({ length: 1000 }, (_, at) => `endpoint-${at}`)]
  const { code, message } = unknownEndpoint('endpiont-7', names)
  expect(code).toBe('not_found')
  expect(message).toMatch(/^There is no endpoint named endpiont-7; did you mean endpoint-7\? There are endpoint-0, /)
  expect(message).toMatch(/endpoint-19 and 980 more, and the one without a name\.$/)
  expect(message.length).toBeLessThan(500)
})

test('says so if there is only the endpoint without a name', () => {
  expect(unknownEndpoint('x', ['']).message).toBe('There is no endpoint named x. There is only the one without a name.')
})

test('names no endpoint that the caller was just refused', () => {
  expect(unknownEndpoint('', ['', 'files']).message).toBe(
    'This URL lacks the name of an endpoint at its end. There is only files.',
  )
  expect(unknownEndpoint('', ['']).message).toBe('There is no endpoint at this URL.')
})
