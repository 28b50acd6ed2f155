import { expect, test } from 'vitest'
import { elicitResult, isRoot } from './client-answers.ts'

test('an answer to an elicitation is one of three actions, and what was entered', () => {
  expect(elicitResult({ action: 'accept', content: { a: 1 }, more: true })).toEqual({
    action: 'accept',
    content: { a: 1 },
  })
  expect(elicitResult({ action: 'decline' })).toEqual({ action: 'decline' })
  for (const wrong of [{}, { action: 'yes' }, { action: 'accept', content: 'a' }, { action: 'accept', content: [1] }])
    expect(() => elicitResult(wrong)).toThrow('of another form')
})

test('a root has a URI, and a name that is a text', () => {
  expect([{ uri: 'file:///a' }, { uri: 'file:///b', name: 'b' }].every(isRoot)).toBe(true)
  expect([{}, { uri: 1 }, { uri: 'file:///a', name: 1 }, null, 'file:///a'].some(isRoot)).toBe(false)
})
