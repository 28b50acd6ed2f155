import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createMemoryBudget } from '../../base/memory-budget.ts'
import { createWorkerSlots, type WorkerSlot } from './worker-slots.ts'
import type { Child } from '../stdio/child.ts'

interface FakeChild extends Child {
  exited: boolean
  ending: boolean
}

function fakeChild(pid: number | undefined): FakeChild {
  return {
    id: pid === undefined ? undefined : `instance.${pid}`,
    worker: pid,
    pid,
    backlog: 0,
    exited: pid === undefined,
    ending: false,
    memory: createMemoryBudget(0).account(),
    inputRequestMemory: createMemoryBudget(0).account(),
    roomFor: () => 'reserved',
    send() {},
    hold() {},
    kill() {},
    close: () => Promise.resolve(),
    listen() {},
  }
}

test('in any order of takes, starts, releases and ends, no more workers run than there are slots', () => {
  const steps = fc.array(fc.constantFrom('take', 'start', 'fail', 'release', 'end', 'exit'), { maxLength: 200 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), steps, fc.infiniteStream(fc.nat(1000)), (bound, what, choices) => {
      const running = new Set<FakeChild>()
      const held: WorkerSlot[] = []
      let pids = 0
      let fails = false
      const slots = createWorkerSlots(
        () => bound,
        () => {
          const child = fakeChild(fails ? undefined : ++pids)
          if (!child.exited) running.add(child)
          return child
        },
      )
      const pick = <Thing>(from: readonly Thing[]): Thing | undefined => from[choices.next().value % (from.length || 1)]
      const drop = (slot: WorkerSlot | undefined): WorkerSlot | undefined => {
        if (slot) held.splice(held.indexOf(slot), 1)
        return slot
      }
      for (const step of what) {
        fails = step === 'fail'
        const child = pick([...running])
        if (step === 'take') {
          const slot = slots.take('serve')
          if (slot) held.push(slot)
        } else if (step === 'start' || step === 'fail') drop(pick(held))?.start()
        else if (step === 'release') drop(pick(held))?.release()
        else if (child && step === 'end') child.ending = true
        else if (child) {
          child.exited = true
          running.delete(child)
        }
        expect(slots.taken).toBe(running.size + held.length)
        expect(slots.free).toBe(bound - slots.taken)
        expect(slots.ending).toBe([...running].filter(({ ending }) => ending).length)
      }
    }),
  )
})

test('a worker is counted by its purpose', () => {
  const slots = createWorkerSlots(
    () => 3,
    (purpose) => fakeChild(purpose === 'spare' ? 1 : 2),
  )
  slots.take('spare')?.start()
  const slot = slots.take('catalog')
  slot?.start()
  slot?.release()
  expect([slots.of('spare'), slots.of('catalog'), slots.of('serve')]).toEqual([1, 1, 0])
  slots.move('instance.1', 'serve')
  slots.move(undefined, 'check')
  expect([slots.of('spare'), slots.of('catalog'), slots.of('serve')]).toEqual([0, 1, 1])
})
