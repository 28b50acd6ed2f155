/** What `Mailboxes` promises. */
import assert from 'node:assert/strict'
import type { Backplane, StoredObject } from '../../backplane/backplane.ts'
import type { ContractTest } from './fixture.ts'
import { until } from './until.ts'

/** Receives messages with an `n` at an instance; resolves when a first test message has arrived. */
async function open(to: Backplane, from: Backplane, instance: string, take: (n: unknown) => void): Promise<() => void> {
  let reached = false
  const stop = to.mailboxes.receive(instance, (message) => {
    if (message['first'] === instance) reached = true
    else take(message['n'])
  })
  await until('a first message', async () => (await from.mailboxes.send(instance, { first: instance })) && reached)
  return stop
}

export function mailboxesContract(contractTest: ContractTest): void {
  contractTest('messages of one sender come once each and in order', async ({ a, b }) => {
    const taken: unknown[] = []
    await open(b, a, 'b', (n) => taken.push(n))
    const sent = Array.from({ length: 50 }, (_, n) => n)
    assert.ok((await Promise.all(sent.map((n) => a.mailboxes.send('b', { n })))).every(Boolean))
    await until('all messages', () => taken.length >= sent.length)
    assert.deepEqual(taken, sent)
  })

  contractTest('a message arrives unchanged, and only at its recipient', async ({ a, b }) => {
    const atA: unknown[] = []
    const atB: unknown[] = []
    await open(a, b, 'a', (n) => atA.push(n))
    await open(b, a, 'b', (n) => atB.push(n))
    const n = { text: '\u{1f600}', list: [1, { deep: null }] }
    await a.mailboxes.send('b', { n })
    await until('the message', () => atB.length > 0)
    assert.deepEqual([atA, atB], [[], [n]])
  })

  contractTest('a send to an instance without a receiver returns false', async ({ a, b }) => {
    assert.equal(await a.mailboxes.send('absent', {}), false)
    const taken: unknown[] = []
    const stop = await open(b, a, 'b', (n) => taken.push(n))
    stop()
    stop()
    await until('no receiver', async () => !(await a.mailboxes.send('b', { n: 1 })))
    assert.deepEqual(taken, [])
  })

  contractTest('a later receiver takes over, and the stop of the earlier one does not end it', async ({ a, b }) => {
    const earlier: unknown[] = []
    const later: unknown[] = []
    const stop = await open(b, a, 'b', (n) => earlier.push(n))
    await open(b, a, 'b', (n) => later.push(n))
    stop()
    assert.equal(await a.mailboxes.send('b', { n: 1 }), true)
    await until('the message', () => later.length > 0)
    assert.deepEqual([earlier, later], [[], [1]])
  })

  contractTest('a receiver that throws still gets the next message', async ({ a, b }) => {
    const taken: unknown[] = []
    await open(b, a, 'b', (n) => {
      taken.push(n)
      throw new Error('of the receiver')
    })
    for (const n of [1, 2]) assert.equal(await a.mailboxes.send('b', { n }), true)
    await until('both messages', () => taken.length === 2)
  })

  contractTest('a message that is sent while another is handled comes after it', async ({ a, b }) => {
    const steps: string[] = []
    const answered: Array<Promise<boolean>> = []
    await open(b, a, 'b', (n) => {
      steps.push(`begin ${String(n)}`)
      if (n === 1) answered.push(b.mailboxes.send('b', { n: 2 }))
      steps.push(`end ${String(n)}`)
    })
    await a.mailboxes.send('b', { n: 1 })
    await until('both messages', () => steps.length === 4)
    assert.deepEqual(steps, ['begin 1', 'end 1', 'begin 2', 'end 2'])
    assert.deepEqual(await Promise.all(answered), [true])
  })

  contractTest('a receiver that stops in the middle of a message gets no further one', async ({ a, b }) => {
    const taken: unknown[] = []
    const answered: Array<Promise<boolean>> = []
    const stop = await open(b, a, 'b', (n) => {
      taken.push(n)
      answered.push(b.mailboxes.send('b', { n: 2 }))
      stop()
    })
    await a.mailboxes.send('b', { n: 1 })
    await until('the message', () => answered.length > 0)
    await Promise.all(answered)
    await until('no receiver', async () => !(await a.mailboxes.send('b', { n: 3 })))
    assert.deepEqual(taken, [1])
  })

  contractTest('a received message does not change when its sender modifies the sent object', async ({ a, b }) => {
    const taken: StoredObject[] = []
    await open(b, a, 'b', (n) => taken.push({ n }))
    const n = { kept: true }
    await a.mailboxes.send('b', { n })
    Reflect.set(n, 'kept', false)
    await until('the message', () => taken.length > 0)
    assert.deepEqual(taken, [{ n: { kept: true } }])
  })
}
