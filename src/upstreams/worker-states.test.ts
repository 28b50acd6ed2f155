import assert from 'node:assert/strict'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allowedMoves, type Purpose, type TrackedWorker, WorkerStates, type WorkerState } from './worker-states.ts'

const states = Object.keys(allowedMoves) as WorkerState[]
const purposes: readonly Purpose[] = ['serve', 'spare', 'catalog', 'check']

test('in any order of moves only those of the table happen, and every worker is in the set of its state alone', () => {
  const step = fc.record({
    do: fc.constantFrom('add', 'move', 'move', 'move', 'move', 'assign'),
    at: fc.nat(7),
    to: fc.constantFrom(...states),
    purpose: fc.constantFrom(...purposes),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const sets = new WorkerStates<TrackedWorker>()
      const workers: TrackedWorker[] = []
      const model = new Map<TrackedWorker, { state: WorkerState; purpose: Purpose }>()
      for (const { do: what, at, to, purpose } of steps) {
        const worker = workers[at]
        const expected = worker && model.get(worker)
        if (what === 'add') {
          const added: TrackedWorker = { state: 'starting', previous: undefined, index: 0, purpose }
          sets.add(added)
          workers.push(added)
          model.set(added, { state: 'starting', purpose })
        } else if (!worker || !expected) continue
        else if (what === 'assign') {
          sets.assign(worker, purpose)
          if (expected.state !== 'ended') expected.purpose = purpose
        } else if (allowedMoves[expected.state].includes(to)) {
          sets.move(worker, to)
          assert.equal(worker.previous, expected.state)
          expected.state = to
        } else
          assert.throws(() => sets.move(worker, to), {
            message: `a worker does not move from ${expected.state} to ${to}`,
          })
        for (const state of states) {
          const members = [...model].filter(([, one]) => one.state === state && state !== 'ended')
          expect(new Set(members.map(([one]) => one)), state).toEqual(new Set(sets.in(state)))
        }
        for (const one of purposes) {
          const members = [...model].filter(([, known]) => known.state !== 'ended' && known.purpose === one)
          expect(sets.for(one).size).toBe(members.length)
        }
        expect(workers.every((one) => model.get(one)?.state === one.state)).toBe(true)
        expect(sets.size).toBe([...model.values()].filter(({ state }) => state !== 'ended').length)
      }
    }),
  )
})

test('a worker may be ended, and may end by itself, in every state; an ending one only ends, an ended one stays so', () => {
  for (const state of states.filter((one) => one !== 'ending' && one !== 'ended'))
    expect(allowedMoves[state]).toEqual(expect.arrayContaining(['ending', 'ended']))
  expect([allowedMoves.ending, allowedMoves.ended]).toEqual([['ended'], []])
})

test('every state can be reached from the start, and the end from every state', () => {
  const reached = (from: WorkerState): Set<WorkerState> => {
    const found = new Set<WorkerState>([from])
    for (const state of found) for (const next of allowedMoves[state]) found.add(next)
    return found
  }
  expect(reached('starting')).toEqual(new Set(states))
  for (const state of states) expect(reached(state).has('ended')).toBe(true)
})
