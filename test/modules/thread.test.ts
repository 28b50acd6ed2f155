/** The end of a module in a thread of its own, when its code does not come back. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { manualClock } from '../../src/testing/index.ts'
import { createThreadHost } from '../../src/upstreams/module/thread-host.ts'
import { inTime } from '../support/eventually.ts'

const module = join(import.meta.dirname, '../fixtures/modules/caller.mjs')

test('an object whose thread computes without a pause is ended at once by force, while it is being closed', async () => {
  // With a clock that stands still, no deadline ends the close.
  const host = createThreadHost({
    module,
    clock: manualClock(),
    complained: () => {},
    sessions: {
      read: async () => ({ values: {}, version: 0, maxBytes: 1000 }),
      replace: async () => 'stored',
      history: () => [],
    },
  })
  await host.load()
  const said: string[] = []
  const listener = { message: (text: string) => void said.push(text), ended() {}, complained() {} }
  const [blocked, other] = [host.open(listener, undefined), host.open(listener, undefined)]
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } }
  const caller = {
    tenant: 't',
    subject: 's',
    session: undefined,
    revision: '2025-11-25',
    capabilities: {},
    info: undefined,
  }
  const request = (id: number, method: string, of: object): string =>
    JSON.stringify({ jsonrpc: '2.0', id, method, params: of })
  blocked.send(request(1, 'initialize', params), undefined)
  blocked.send(request(2, 'tools/call', { name: 'block', arguments: { ms: 120_000 } }), caller)
  const closing = [blocked.close(), other.close()]
  blocked.kill()
  await inTime('the objects to be closed', Promise.all(closing), 30_000)
  await host.close()
  expect(said.join()).not.toContain('blocked')
})
