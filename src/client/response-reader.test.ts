import { expect, test } from 'vitest'
import { createMemoryBudget } from '../base/memory-budget.ts'
import { takeAnswer, takeStream } from './response-reader.ts'

test('comments of a stream that stays silent for long are not counted for ever', async () => {
  const account = createMemoryBudget(1_000_000).account(1000)
  let most = 0
  async function* body(): AsyncGenerator<string> {
    for (let count = 0; count < 1000; count++) {
      yield ': still here\n\n'
      most = Math.max(most, account.heldBytes)
    }
    yield 'data: {"jsonrpc":"2.0","method":"x"}\n\n'
  }
  const seen: string[] = []
  await takeStream(
    { status: 200, headers: { 'content-type': 'text/event-stream' }, body: body() },
    { lastEventId: undefined, retryMs: undefined },
    (text) => Promise.resolve(void seen.push(text)),
    { maxMessageChars: 10_000, memory: { sent: account, answers: account } },
  )
  expect([seen.length, account.heldBytes]).toEqual([1, 0])
  expect(most).toBeLessThan(100)
})

test.each([
  [401, 'does not accept the credentials of this client (HTTP status 401)'],
  [502, 'answered with HTTP status 502, and not as an MCP server does'],
])('an error response of status %d without a message is told by its status', async (status, says) => {
  const account = createMemoryBudget(1_000_000).account(1000)
  const [message, context] = [
    { expected: [] },
    { maxMessageChars: 10_000, memory: { sent: account, answers: account }, onDenied: () => {} },
  ] as unknown as [Parameters<typeof takeAnswer>[1], Parameters<typeof takeAnswer>[3]]
  const outbound = { status, headers: { 'content-type': 'text/plain' }, body: 'no' }
  await expect(takeAnswer(outbound, message, () => Promise.resolve(), context)).rejects.toThrow(says)
})
