import { expect, test } from 'vitest'
import { manualClock } from '../../base/clock.ts'
import { silentLog } from '../../base/log.ts'
import { NoRoom } from '../upstream.ts'
import { explainStart } from './explain-start.ts'
import { RestartBackoff } from './restart-backoff.ts'
import { createSingleInstance } from './single-instance.ts'

const failure = new Error('it ended')

test('a start beside another worker waits for the check, even if that worker is ended meanwhile', async () => {
  const clock = manualClock()
  const onlyOne = createSingleInstance({ clock, log: silentLog, changed() {} })
  const own = new RestartBackoff()
  own.failed(clock.now(), 'start')
  let checked = (): void => {}
  const result = explainStart(own, 'ended', failure, true, {
    clock,
    onlyOne,
    isOneRunning: () => false,
    checked: () => new Promise<void>((resolve) => (checked = resolve)),
  })
  onlyOne.found('it is locked')
  checked()
  expect(await result).toBeInstanceOf(NoRoom)
  expect(own.pauseMs(clock.now()), 'the failure does not count').toBe(0)
})

test('a start that failed alone, or was refused, is not explained', async () => {
  const clock = manualClock()
  const onlyOne = createSingleInstance({ clock, log: silentLog, changed() {} })
  onlyOne.found('it is locked')
  const needs = { clock, onlyOne, isOneRunning: () => false, checked: () => Promise.resolve() }
  expect(await explainStart(new RestartBackoff(), 'ended', failure, false, needs)).toBe(failure)
  expect(await explainStart(new RestartBackoff(), 'refused', failure, true, needs)).toBe(failure)
})
