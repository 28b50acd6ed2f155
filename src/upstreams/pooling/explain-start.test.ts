import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { NoRoom } from '../upstream.ts'
import { explainStart } from './explain-start.ts'
import { RestartBackoff } from './restart-backoff.ts'
import { createSingleInstance } from './single-instance.ts'

const failure = new Error('it ended')

test.each([
  ['is locked: it does not count', true],
  ['has another cause: it counts from then on', false],
] as const)('what a failed start beside another worker is waits for the check, and %s', async (_name, isLocked) => {
  const clock = manualClock()
  const onlyOne = createSingleInstance({ clock, log: silentLog, changed() {} })
  const own = new RestartBackoff()
  let checked = (): void => {}
  const result = explainStart(own, failure, {
    clock,
    onlyOne,
    checked: () => new Promise<void>((resolve) => (checked = resolve)),
  })
  expect(own.pauseMs(clock.now()), 'meanwhile calls of the group may start another one').toBe(0)
  if (isLocked) onlyOne.found('it is locked')
  checked()
  expect((await result) instanceof NoRoom).toBe(isLocked)
  expect(own.pauseMs(clock.now()) > 0).toBe(!isLocked)
})
