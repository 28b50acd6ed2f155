import { expect, test } from 'vitest'
import { changeInWords, recycleInWords, waitInWords } from './change-words.ts'

const paused = { upstream: 'slow', changed: true, access: 'paused', resumesInMs: 299_998, waiting: 0 } as const
const still = { waits: false, draining: false }

test('a pause says how long, and that new calls wait, unless they are refused', () => {
  expect(changeInWords('pause', paused, still)).toBe('slow is paused for 5m: new calls wait')
  expect(changeInWords('pause', paused, { waits: true, draining: true })).toBe(
    'slow is paused for 5m; no call runs any more; this mcplex drains, and refuses new calls',
  )
  expect(changeInWords('pause', { ...paused, access: 'disabled' }, still)).toBe(
    'slow is paused for 5m; it is disabled, until `mcplex upstreams enable`',
  )
})

test('what is enabled or resumed in a drain still refuses new calls', () => {
  const open = { upstream: 'slow', changed: true, access: 'open', waiting: 1 } as const
  const draining = { waits: false, draining: true }
  expect(changeInWords('enable', open, draining)).toBe('slow is enabled; this mcplex drains, and refuses new calls')
  expect(changeInWords('resume', open, draining)).toBe(
    'slow goes on: 1 call still waits; this mcplex drains, and refuses new calls',
  )
})

test('one worker is replaced when its calls are over, several when theirs are', () => {
  expect([0, 1, 2].map((count) => recycleInWords('slow', count, false))).toEqual([
    'slow has no worker to replace',
    'slow: 1 worker is replaced when its calls are over',
    'slow: 2 workers are replaced when their calls are over',
  ])
})

test('a wait for workers says which are only starting', () => {
  expect(waitInWords('slow', ['starting'])).toBe(
    'slow waits for 1 worker: 1 still starting, to be replaced after its start',
  )
  expect(waitInWords('slow', ['retiring', 'starting', 'starting'])).toBe(
    'slow waits for 3 workers: 2 still starting, to be replaced after their start; 1 with calls, or ending',
  )
})
