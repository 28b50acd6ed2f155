/** What a closed backplane promises. */
import assert from 'node:assert/strict'
import type { Backplane } from '../../backplane/backplane.ts'
import { Refusal } from '../../base/refusal.ts'
import type { ContractTest } from './fixture.ts'
import { contractWindow } from './limits.ts'

const bounds = { events: 10, bytes: 1000, ttlMs: 1000 }

const methods: Readonly<Record<string, (backplane: Backplane) => Promise<unknown>>> = {
  'records.create': ({ records }) => records.create('key', {}, 1000),
  'records.read': async ({ records }) => records.read('key'),
  'records.timeLeft': ({ records }) => records.timeLeft('key'),
  'records.replace': ({ records }) => records.replace('key', {}, 1, 1000),
  'records.remove': ({ records }) => records.remove('key'),
  'slots.claim': ({ slots }) => slots.claim('name', 'holder', 1, 1000),
  'slots.renew': ({ slots }) => slots.renew('name', 'holder', 1000),
  'slots.release': ({ slots }) => slots.release('name', 'holder'),
  'limits.take': ({ limits }) => limits.take('key', contractWindow(1, 1000), 1),
  'journals.append': ({ journals }) => journals.append('stream', ['event'], bounds),
  'journals.read': ({ journals }) => journals.read('stream', undefined),
  'journals.end': ({ journals }) => journals.end('stream', 1000),
  'journals.drop': ({ journals }) => journals.drop('stream'),
  'journals.dropAll': ({ journals }) => journals.dropAll('owner'),
  'mailboxes.send': ({ mailboxes }) => mailboxes.send('instance', {}),
}

export function closingContract(contractTest: ContractTest): void {
  for (const [name, call] of Object.entries(methods)) {
    contractTest(`refuses ${name} as store_unavailable`, async ({ a }) => {
      await call(a)
      await a.close()
      await assert.rejects(call(a), (error) => error instanceof Refusal && error.code === 'store_unavailable')
    })
  }

  contractTest('can be closed, stopped and listened to again without harm', async ({ a }) => {
    const stopTail = a.journals.tail('stream', () => {})
    const stopReceiving = a.mailboxes.receive('instance', () => {})
    await a.close()
    await a.close()
    stopTail()
    stopReceiving()
    a.journals.tail('stream', () => {})()
    a.mailboxes.receive('instance', () => {})()
  })
}
