/** The end of a command whose client reads nothing. */
import { expect } from 'vitest'
import { runs } from '../children/processes.ts'
import { eventually } from './eventually.ts'
import type { Piped } from './pipes.ts'

/** Lets answers wait for a client that reads nothing, and expects that a single SIGTERM ends the command soon. */
export async function expectEndUnread(piped: Piped): Promise<void> {
  await piped.call('echo', { text: 'x' })
  piped.child.stdout?.pause()
  for (let call = 0; call < 8; call++) piped.begin('tools/call', { name: 'big', arguments: { bytes: 1_000_000 } })
  // Until they are there, and none of them can be written.
  await new Promise((resolve) => setTimeout(resolve, 2000))
  const since = Date.now()
  piped.child.kill('SIGTERM')
  await eventually('its end', () => !runs(piped.pid))
  expect(Date.now() - since).toBeLessThan(10_000)
}
