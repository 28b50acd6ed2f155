import { expect, test } from 'vitest'
import { Cancel } from './cancel.ts'

test('a listener that removes itself while the signal fires does not cause another one to be skipped', () => {
  const cancel = new Cancel()
  const told: string[] = []
  const stopFirst = cancel.onCancel(() => {
    told.push('first')
    stopFirst()
  })
  cancel.onCancel(() => {
    told.push('second')
    stopFourth()
  })
  cancel.onCancel(() => told.push('third'))
  const stopFourth = cancel.onCancel(() => told.push('fourth'))
  cancel.onCancel(() => told.push('fifth'))
  cancel.cancel('gone')
  cancel.cancel('again')
  expect(told).toEqual(['first', 'second', 'third', 'fifth'])
  expect(cancel.reason).toBe('gone')
})
