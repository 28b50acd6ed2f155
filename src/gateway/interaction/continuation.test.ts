import assert from 'node:assert/strict'
import { expect, test } from 'vitest'
import { createMemoryBackplane } from '../../backplane/memory.ts'
import { Cancel } from '../../base/cancel.ts'
import { manualClock } from '../../base/clock.ts'
import type { Call, Outcome } from '../../protocol/call.ts'
import { rawObject } from '../../protocol/json-text.ts'
import { errorAnswer } from '../../protocol/jsonrpc.ts'
import { createContinuations } from './continuation.ts'

const call: Call & { readonly session: string } = {
  id: '7',
  method: 'tools/call',
  params: undefined,
  client: { era: 'legacy', version: '2025-11-25', capabilities: { roots: {} }, info: undefined },
  principal: { tenant: '', subject: '' },
  session: 's',
  fairnessKey: 's',
  clientKey: 's',
  progressToken: undefined,
  logLevel: undefined,
  worker: undefined,
  cancel: new Cancel(),
}
const result = rawObject({ resultType: 'input_required', inputRequests: { a: { method: 'roots/list', params: {} } } })
const asking: Outcome = { answer: { kind: 'result', result }, era: 'modern', worker: undefined }

/** The text of the result of a call whose input request is answered with an error. */
async function resultAfter(message: string, expired: boolean): Promise<string> {
  const clock = manualClock()
  const continuations = createContinuations({
    upstream: { call: () => assert.fail('called again without an answer') },
    records: createMemoryBackplane({ clock }).records,
    clock,
    answerTimeoutMs: 60_000,
  })
  const reply = continuations.continueCall(call, asking)
  const asked = await reply.next()
  assert(asked.done !== true && asked.value.kind === 'input_request')
  asked.value.answer(errorAnswer(-32603, message), expired)
  const ended = await reply.next()
  assert(ended.done === true && ended.value.answer.kind === 'result')
  return ended.value.answer.result.text
}

test('a call whose input request has no answer ends with the reason: that of mcplex, or the error of the client', async () => {
  const refused = await resultAfter('The client has too much to answer already', true)
  expect(refused).toContain("The server's roots/list has no answer: The client has too much to answer already.")
  expect(refused).not.toContain('in time')
  expect(await resultAfter('The client did not answer in time', true)).toContain('The client did not answer in time.')
  expect(await resultAfter('No roots', false)).toContain(
    "answered the server's roots/list with an error: -32603 No roots",
  )
})
