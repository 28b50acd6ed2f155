import { expect, test } from 'vitest'
import { Cancel } from '../../base/cancel.ts'
import { createMemoryBudget, type MemoryBudget } from '../../base/memory-budget.ts'
import type { Call, Outcome, Reply } from '../../protocol/call.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { countCallMemory } from './call-memory.ts'

const mebibyte = 1024 ** 2

function callOf(client: string, chars: number): Call {
  return {
    id: '1',
    method: 'tools/call',
    params: rawObject({ text: 'x'.repeat(chars) }),
    client: { era: 'legacy', version: '', capabilities: {}, info: undefined },
    principal: { tenant: '', subject: '' },
    session: client,
    fairnessKey: client,
    clientKey: client,
    progressToken: undefined,
    logLevel: undefined,
    worker: undefined,
    cancel: new Cancel(),
  }
}

const outcome: Outcome = { answer: { kind: 'result', result: rawObject({}) }, era: 'legacy', worker: undefined }

/** A call that sends an update, then ends. */
async function* run(): Reply {
  yield { kind: 'notification', method: 'notifications/message', params: undefined }
  return outcome
}

/** Calls by client and size; each has begun, and goes on when its next update is read. */
function fixture(limitBytes: number): { memory: MemoryBudget; begin(client: string, chars: number): Promise<Reply> } {
  const memory = createMemoryBudget(limitBytes)
  const calls = countCallMemory(memory, run)
  return {
    memory,
    async begin(client, chars) {
      const reply = calls(callOf(client, chars))
      await reply.next()
      return reply
    },
  }
}

test('a small call is not counted', async () => {
  const { memory, begin } = fixture(mebibyte)
  const call = await begin('a', 500)
  expect(memory.heldBytes).toBe(0)
  expect(await call.next()).toEqual({ done: true, value: outcome })
})

test('the parameters of a call count as text and as value until it is over, up to a share for each client', async () => {
  const { memory, begin } = fixture(64 * mebibyte)
  const one = await begin('a', 12 * mebibyte)
  expect(memory.heldBytes).toBeGreaterThan(24 * mebibyte)
  await expect(begin('a', 6 * mebibyte)).rejects.toMatchObject({ code: 'memory_share_exceeded' })
  const other = await begin('b', 12 * mebibyte)
  await expect(begin('c', 12 * mebibyte)).rejects.toMatchObject({ code: 'overloaded' })
  expect(await one.next()).toEqual({ done: true, value: outcome })
  await other.return(outcome)
  expect(memory.heldBytes).toBe(0)
  await (await begin('a', 6 * mebibyte)).next()
  expect(memory.heldBytes).toBe(0)
})
