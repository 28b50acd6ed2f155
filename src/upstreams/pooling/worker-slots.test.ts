import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { OpenedWorker, ServerInstance } from '../worker.ts'
import { WorkerSlots, type WorkerSlot } from './worker-slots.ts'

/** An instance of a server that exits when the test says so. */
class ManualInstance implements ServerInstance {
  hasExited: boolean
  #exited: (() => void) | undefined

  constructor(hasExited: boolean) {
    this.hasExited = hasExited
  }

  whenExited(exited: () => void): void {
    if (this.hasExited) exited()
    else this.#exited = exited
  }

  exit(): void {
    this.hasExited = true
    this.#exited?.()
  }

  open(): Promise<OpenedWorker> {
    return Promise.reject(new Error('it is never opened here'))
  }

  watch(): void {}

  close(): Promise<void> {
    return Promise.resolve()
  }
}

test('in any order of takes, starts, releases and ends, no more workers run than there are slots', () => {
  const steps = fc.array(fc.constantFrom('take', 'start', 'fail', 'release', 'end', 'exit'), { maxLength: 200 })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), steps, fc.infiniteStream(fc.nat(1000)), (bound, what, choices) => {
      const running = new Map<WorkerSlot, ManualInstance>()
      const ending = new Set<WorkerSlot>()
      const held: WorkerSlot[] = []
      let started: ManualInstance | undefined
      let fails = false
      const slots = new WorkerSlots(
        () => bound,
        () => (started = new ManualInstance(fails)),
      )
      const pick = <Thing>(from: readonly Thing[]): Thing | undefined => from[choices.next().value % (from.length || 1)]
      const drop = (slot: WorkerSlot | undefined): WorkerSlot | undefined => {
        if (slot) held.splice(held.indexOf(slot), 1)
        return slot
      }
      for (const step of what) {
        fails = step === 'fail'
        const slot = pick([...running.keys()])
        if (step === 'take') {
          const taken = slots.take('serve')
          if (taken) held.push(taken)
        } else if (step === 'start' || step === 'fail') {
          const begun = drop(pick(held))
          begun?.start()
          if (begun && started && !fails) running.set(begun, started)
        } else if (step === 'release') drop(pick(held))?.release()
        else if (slot && step === 'end') {
          void slot.close('idle')
          ending.add(slot)
        } else if (slot) {
          running.get(slot)?.exit()
          running.delete(slot)
          ending.delete(slot)
        }
        expect(slots.taken).toBe(running.size + held.length)
        expect(slots.free).toBe(bound - slots.taken)
        expect(slots.in('ending').size).toBe(ending.size)
      }
    }),
  )
})

test('a worker is counted by its purpose until it has ended', () => {
  const slots = new WorkerSlots(
    () => 3,
    () => new ManualInstance(false),
  )
  const count = (): number[] => (['spare', 'catalog', 'serve'] as const).map((purpose) => slots.for(purpose).size)
  const spare = slots.take('spare')
  spare?.start()
  const catalog = slots.take('catalog')
  const { hasExited } = catalog?.start() ?? {}
  catalog?.release()
  expect([hasExited, ...count()], 'a slot in which something was started is not freed').toEqual([false, 1, 1, 0])
  spare?.assign('serve')
  expect(count()).toEqual([0, 1, 1])
  catalog?.start().exit()
  catalog?.assign('serve')
  expect(count()).toEqual([0, 0, 1])
})
